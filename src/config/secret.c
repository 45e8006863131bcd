/* secret.c: "credential:NAME" in place of a path. */
#include "config/secret.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

static const char prefix[] = "credential:";

const char *config_secret_credential(const char *text)
{
	return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;
}

const char *config_secret_fault(const char *text)
{
	const char *name = config_secret_credential(text);
	size_t len = name == NULL ? 0 : strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (name == NULL || len == 0 || len > NAME_MAX || name[len] != '\0' || name[0] == '.')
		return "a credential's name is made of letters, digits, '.', '_' and '-', and does not begin with '.'";
	return NULL;
}
