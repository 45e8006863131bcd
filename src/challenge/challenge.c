#include "challenge/challenge.h"

#include "base/clean.h"
#include "base/text.h"
#include "challenge/private.h"

static const struct challenge_method *const methods[] = {
	&challenge_webroot,
};

static const char *const types[] = {
	"http-01",
	NULL,
};

const struct challenge_method *challenge_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (text_equal(methods[i]->type, type))
			return methods[i];
	}
	return NULL;
}

const char *const *challenge_types(void)
{
	return types;
}
