#include "base/ident.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 1024, /* a name of 253 octets is much shorter, in whatever script it was written */
	NAME_MAX_LEN = 253,
	LABEL_MAX_LEN = 63,
	/* TR46 with the rules of IDNA2008, no transitional mappings. Not IDN2_USE_STD3_ASCII_RULES, with which libidn2 2.3.3
	 * drops a full-width slash without a word; every ASCII character stands as it is in the A-label, where
	 * check_labels() sees it. */
	IDN_FLAGS = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL,
};

/* "TEXT": character N: REASON. `at` is an offset in bytes. */
__attribute__((format(printf, 4, 5))) static int wrong_at(const char *text, size_t at, struct error *err,
							   const char *format, ...)
{
	char reason[256];
	size_t number = 1;
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	for (size_t i = 0; i < at; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			number++;
	}
	return error_set(err, ERROR_USAGE, "\"%.100s%s\": character %zu: %s", text, strlen(text) > 100 ? "..." : "", number,
			 reason);
}

static int wrong(const char *text, struct error *err, const char *reason)
{
	return error_set(err, ERROR_USAGE, "\"%.100s%s\": %s", text, strlen(text) > 100 ? "..." : "", reason);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_ldh(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* What a person probably meant who wrote this character. */
static int wrong_character(const char *text, size_t at, struct error *err)
{
	unsigned char c = (unsigned char)text[at];

	switch (c) {
	case ' ':
	case '\t':
		return wrong_at(text, at, err, "a name holds no space");
	case '_':
		return wrong_at(text, at, err, "a host name holds no underscore");
	case '*':
		return wrong_at(text, at, err, "a wildcard is \"*.\" at the beginning of the name, and nowhere else");
	case ':':
		return wrong_at(text, at, err, "the name alone is wanted, without a scheme and without a port");
	case '/':
		return wrong_at(text, at, err, "the name alone is wanted, without a path");
	case '@':
		return wrong_at(text, at, err, "a host name is wanted, no mail address");
	case '[':
		return wrong_at(text, at, err, "an IPv6 address is written without brackets here");
	case '%':
		return wrong_at(text, at, err, "an address that is valid on one link only can have no certificate");
	default:
		break;
	}
	if (c < 0x20 || c == 0x7f)
		return wrong_at(text, at, err, "a control character (0x%02x)", c);
	return wrong_at(text, at, err, "\"%c\" is no letter, digit or hyphen", c);
}

static int parse_ipv6(const char *text, struct ident *ret, struct error *err)
{
	struct in6_addr address;
	const unsigned char *b = address.s6_addr;
	static const unsigned char zero[12];

	if (inet_pton(AF_INET6, text, &address) != 1)
		return wrong(text, err, "no IPv6 address");
	ret->type = IDENT_IP;
	inet_ntop(AF_INET6, &address, ret->value, sizeof(ret->value));
	/* RFC 5952 section 5: the dotted form is for prefixes that are known to hold IPv4, and ::/96 no longer is one. */
	if (memcmp(b, zero, sizeof(zero)) == 0 && strchr(ret->value, '.') != NULL) {
		unsigned int high = (unsigned int)b[12] << 8 | b[13], low = (unsigned int)b[14] << 8 | b[15];

		snprintf(ret->value, sizeof(ret->value), "::%x:%x", high, low);
	}
	return 0;
}

static int parse_ipv4(const char *text, struct ident *ret, struct error *err)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		return wrong(text, err, "no IPv4 address (four numbers of 0 to 255, without leading zeros), and the last label "
					"of a host name is not all digits");
	ret->type = IDENT_IP;
	inet_ntop(AF_INET, &address, ret->value, sizeof(ret->value));
	return 0;
}

/* Whether the last label, before the dot at the end if there is one, is all digits: then it is an address or nothing. */
static bool ends_in_number(const char *name)
{
	size_t end = strlen(name), start;

	if (end > 0 && name[end - 1] == '.')
		end--;
	for (start = end; start > 0 && is_digit(name[start - 1]); start--)
		;
	return start < end && (start == 0 || name[start - 1] == '.');
}

/* Only to find the place of what idn2_lookup_u8() did not like about `name`, which begins at `at` in text. */
static int wrong_label(const char *text, size_t at, int code, struct error *err)
{
	const char *name = text + at;

	while (*name != '\0') {
		size_t len = strcspn(name, ".");
		char label[TEXT_MAX + 1];
		uint8_t *out = NULL;
		int r;

		memcpy(label, name, len);
		label[len] = '\0';
		r = len == 0 ? IDN2_OK : idn2_lookup_u8((const uint8_t *)label, &out, IDN_FLAGS);
		idn2_free(out);
		if (r != IDN2_OK)
			return wrong_at(text, (size_t)(name - text), err, "the label that begins here is no valid "
				        "internationalized label: %s", idn2_strerror(r));
		name += len;
		name += *name == '.' ? 1 : 0;
	}
	return wrong_at(text, at, err, "no valid internationalized name: %s", idn2_strerror(code));
}

/* Puts the ASCII form of text + at into out[size]. */
static int to_ascii(const char *text, size_t at, char *out, size_t size, struct error *err)
{
	uint8_t *ascii = NULL;
	int r = idn2_lookup_u8((const uint8_t *)text + at, &ascii, IDN_FLAGS);
	bool fits;

	if (r == IDN2_MALLOC)
		return error_oom(err);
	if (r != IDN2_OK)
		return wrong_label(text, at, r, err);
	fits = text_copy(out, size, (const char *)ascii);
	idn2_free(ascii);
	if (!fits)
		return wrong(text, err, "longer than a name may be");
	return 0;
}

static void lower_copy(char *out, const char *text)
{
	do
		*out++ = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
	while (*text++ != '\0');
}

/* `value` is in lower case and ASCII; `from` is behind the "*.". */
static int check_labels(const char *value, size_t from, struct error *err)
{
	const char *p = value + from;

	for (;;) {
		size_t at = (size_t)(p - value), len = strcspn(p, ".");

		if (len == 0)
			return wrong_at(value, at, err, "an empty label");
		for (size_t i = 0; i < len; i++) {
			if (!is_ldh(p[i]))
				return wrong_character(value, at + i, err);
		}
		if (p[0] == '-')
			return wrong_at(value, at, err, "a label does not begin with a hyphen");
		if (len > LABEL_MAX_LEN)
			return wrong_at(value, at + LABEL_MAX_LEN, err, "a label has at most %d octets, this one has %zu",
					LABEL_MAX_LEN, len);
		if (p[len - 1] == '-')
			return wrong_at(value, at + len - 1, err, "a label does not end with a hyphen");
		if (len >= 4 && p[2] == '-' && p[3] == '-' && strncmp(p, "xn", 2) != 0)
			return wrong_at(value, at + 2, err, "hyphens in the third and fourth place are reserved");
		if (p[len] == '\0')
			return 0;
		p += len + 1;
	}
}

/* An A-label must be what its own Unicode form is written as. */
static int check_a_labels(const char *value, size_t from, struct error *err)
{
	char again[TEXT_MAX + 1];

	if (strncmp(value + from, "xn--", 4) != 0 && strstr(value + from, ".xn--") == NULL)
		return 0;
	if (to_ascii(value, from, again, sizeof(again), err) < 0)
		return -1;
	if (!text_equal(again, value + from))
		return wrong_at(value, from, err, "no valid internationalized name: it would be written %.100s", again);
	return 0;
}

/* The name in ASCII and lower case, without the dot at its end. */
static int fold(const char *text, size_t from, bool ascii, char out[static TEXT_MAX + 1], struct error *err)
{
	size_t len;

	memcpy(out, text, from);
	if (ascii)
		lower_copy(out + from, text + from);
	else if (to_ascii(text, from, out + from, TEXT_MAX + 1 - from, err) < 0)
		return -1;
	len = strlen(out);
	if (len > from && out[len - 1] == '.')
		out[len - 1] = '\0';
	return 0;
}

static int parse_dns(const char *text, struct ident *ret, struct error *err)
{
	bool wildcard = text_has_prefix(text, "*."), ascii = true;
	size_t from = wildcard ? 2 : 0;
	char value[TEXT_MAX + 1];

	for (size_t i = from; text[i] != '\0'; i++) {
		if ((unsigned char)text[i] >= 0x80)
			ascii = false;
		else if (!is_ldh(text[i]) && text[i] != '.')
			return wrong_character(text, i, err);
	}
	if (fold(text, from, ascii, value, err) < 0 || check_labels(value, from, err) < 0)
		return -1;
	if (strlen(value) > NAME_MAX_LEN)
		return wrong_at(value, NAME_MAX_LEN, err, "a name has at most %d octets, this one has %zu", NAME_MAX_LEN,
				strlen(value));
	if (ends_in_number(value + from))
		return wrong(value, err, "the last label of a host name is not all digits");
	if (check_a_labels(value, from, err) < 0)
		return -1;
	ret->type = IDENT_DNS;
	ret->wildcard = wildcard;
	text_copy(ret->value, sizeof(ret->value), value);
	return 0;
}

int ident_parse(const char *text, struct ident *ret, struct error *err)
{
	struct ident ident = { .type = IDENT_DNS };
	size_t len = strnlen(text, TEXT_MAX + 1);
	int r;

	if (len == 0)
		return error_set(err, ERROR_USAGE, "a name is empty");
	if (len > TEXT_MAX)
		return wrong(text, err, "longer than a name may be");
	if (strchr(text, ':') != NULL && strspn(text, "0123456789abcdefABCDEF:.") == len)
		r = parse_ipv6(text, &ident, err);
	else if (ends_in_number(text) && strspn(text, "0123456789.") == len)
		r = parse_ipv4(text, &ident, err);
	else
		r = parse_dns(text, &ident, err);
	if (r < 0)
		return -1;
	*ret = ident;
	return 0;
}

static bool same(const struct ident *a, const struct ident *b)
{
	return a->type == b->type && text_equal(a->value, b->value);
}

int ident_list_add(struct ident_list *list, const struct ident *ident, struct error *err)
{
	struct ident *items;

	if (ident_list_contains(list, ident))
		return error_set(err, ERROR_USAGE, "%s is named twice", ident->value);
	if (list->count >= IDENT_LIST_MAX)
		return error_set(err, ERROR_USAGE, "%s is one name too many: a certificate has at most %d", ident->value,
				 IDENT_LIST_MAX);
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (items == NULL)
		return error_oom(err);
	items[list->count++] = *ident;
	list->items = items;
	return 0;
}

void ident_list_done(struct ident_list *list)
{
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

bool ident_list_contains(const struct ident_list *list, const struct ident *ident)
{
	for (size_t i = 0; i < list->count; i++) {
		if (same(&list->items[i], ident))
			return true;
	}
	return false;
}

bool ident_list_same(const struct ident_list *a, const struct ident_list *b)
{
	/* No list holds a name twice. */
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!ident_list_contains(b, &a->items[i]))
			return false;
	}
	return true;
}

int ident_list_copy(const struct ident_list *from, struct ident_list *ret, struct error *err)
{
	CLEANUP(ident_list_done) struct ident_list copy = { 0 };

	for (size_t i = 0; i < from->count; i++) {
		if (ident_list_add(&copy, &from->items[i], err) < 0)
			return -1;
	}
	ret->items = TAKE(copy.items);
	ret->count = copy.count;
	copy.count = 0;
	return 0;
}

const char *ident_type_name(enum ident_type type)
{
	switch (type) {
	case IDENT_DNS:
		return "dns";
	case IDENT_IP:
		return "ip";
	}
	return "dns";
}

int ident_certificate_name(const struct ident *first, char out[static IDENT_NAME_SIZE], struct error *err)
{
	char name[IDENT_VALUE_SIZE + sizeof("_wildcard")];

	if (first->wildcard)
		snprintf(name, sizeof(name), "_wildcard%s", first->value + 1);
	else
		text_copy(name, sizeof(name), first->value);
	for (char *p = name; *p != '\0'; p++) {
		if (*p == ':')
			*p = '_';
	}
	if (strlen(name) >= IDENT_NAME_SIZE) {
		error_set(err, ERROR_USAGE, "%s is too long to name a certificate after it (%d octets at most)", first->value,
			  IDENT_NAME_SIZE - 1);
		return error_advise(err, "put a shorter name first, or give the certificate a name of its own in the "
					 "configuration: certificate \"NAME\" { names = ... }");
	}
	text_copy(out, IDENT_NAME_SIZE, name);
	return 0;
}

int ident_check_certificate_name(const char *name, struct error *err)
{
	const char *dots = strstr(name, "..");

	if (name[0] == '\0')
		return error_set(err, ERROR_USAGE, "the name of a certificate is empty");
	for (size_t i = 0; name[i] != '\0'; i++) {
		char c = name[i];

		if (is_digit(c) || (c >= 'a' && c <= 'z') || c == '_' || c == '.' || c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			return wrong_at(name, i, err, "the name of a certificate is written in lower case");
		return wrong_at(name, i, err, "the name of a certificate is made of a-z, 0-9, \".\", \"_\" and \"-\"");
	}
	if (name[0] == '.' || name[0] == '-')
		return wrong_at(name, 0, err, "the name of a certificate does not begin with \"%c\"", name[0]);
	if (dots != NULL)
		return wrong_at(name, (size_t)(dots - name), err, "the name of a certificate holds no \"..\"");
	if (strlen(name) >= IDENT_NAME_SIZE)
		return wrong_at(name, IDENT_NAME_SIZE - 1, err, "the name of a certificate has at most %d octets",
				IDENT_NAME_SIZE - 1);
	return 0;
}
