#include "crypto/keytype.h"

#include "base/clean.h"
#include "base/text.h"

static const char *const names[] = {
	[KEY_ECDSA_P256] = "ecdsa-p256", [KEY_ECDSA_P384] = "ecdsa-p384", [KEY_RSA_2048] = "rsa-2048",
	[KEY_RSA_3072] = "rsa-3072",	 [KEY_RSA_4096] = "rsa-4096",	  [KEY_TYPE_COUNT] = NULL,
};

_Static_assert(ARRAY_SIZE(names) == KEY_TYPE_COUNT + 1, "every type of key has a name");

const char *key_type_name(enum key_type type)
{
	return names[type];
}

int key_type_parse(const char *name, enum key_type *ret)
{
	for (size_t i = 0; i < KEY_TYPE_COUNT; i++)
		if (text_equal(names[i], name)) {
			*ret = (enum key_type)i;
			return 0;
		}

	return -1;
}

const char *const *key_type_names(void)
{
	return names;
}

enum key_family key_type_family(enum key_type type)
{
	switch (type) {
	case KEY_ECDSA_P256:
	case KEY_ECDSA_P384:
		return KEY_FAMILY_ECDSA;
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		break;
	}

	return KEY_FAMILY_RSA;
}

const char *key_family_name(enum key_family family)
{
	return family == KEY_FAMILY_ECDSA ? "ecdsa" : "rsa";
}

const char *key_type_jws_algorithm(enum key_type type)
{
	switch (type) {
	case KEY_ECDSA_P256:
		return "ES256";
	case KEY_ECDSA_P384:
		return "ES384";
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		return "RS256";
	}

	return NULL;
}
