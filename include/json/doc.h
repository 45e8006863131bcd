/* doc.h: JSON texts of others, loaded with limits; and typed reading that names the path when something is wrong.
 *
 * The values are jansson's json_t; whoever gets a new reference owns it (json_auto_t frees it at the end of the scope).
 * A borrowed string lives as long as the document.
 */
#ifndef CERTD_JSON_DOC_H
#define CERTD_JSON_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct strv;

enum { JSON_DEPTH_MAX = 32 };

/* Parses data: one JSON object, no duplicate keys, no NUL in strings, nesting up to JSON_DEPTH_MAX (looked at before
 * parsing), nothing behind it. `what` names it in the error ("the directory"). ERROR_PROTOCOL. The caller caps len. */
int json_doc_parse(const char *data, size_t len, const char *what, json_t **ret, struct error *err);

/* Appends the compact form; with sorted keys when `canonical`. */
int json_doc_print(const json_t *doc, bool canonical, struct buf *out, struct error *err);

enum { JSON_FIELD_OK = 0, JSON_FIELD_ABSENT = 1 };

/* A member of an object: the field's value into *ret_x; JSON_FIELD_ABSENT when it is missing or null; -1 (ERROR_PROTOCOL, with
 * "WHAT: .FIELD is a number, expected a string") when it is of another type. `what` is the path so far. */
int json_field_string(const json_t *object, const char *what, const char *field, const char **ret, struct error *err);
int json_field_int(const json_t *object, const char *what, const char *field, int64_t *ret, struct error *err);
int json_field_bool(const json_t *object, const char *what, const char *field, bool *ret, struct error *err);
int json_field_object(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err);
int json_field_array(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err);
/* An RFC 3339 time, as seconds since the epoch. */
int json_field_time(const json_t *object, const char *what, const char *field, int64_t *ret_at, struct error *err);
/* An array of strings, each added to ret; more than ret->max is an error. */
int json_field_strings(const json_t *object, const char *what, const char *field, struct strv *ret, struct error *err);

/* As above, where absence is an error too. */
int json_need_string(const json_t *object, const char *what, const char *field, const char **ret, struct error *err);
int json_need_array(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err);
int json_need_object(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err);
int json_need_int(const json_t *object, const char *what, const char *field, int64_t *ret, struct error *err);

#endif
