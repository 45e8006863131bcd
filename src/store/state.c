#include "store/state.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "json/doc.h"
#include "store/private.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STATE_FILE "state.json"
#define STATE_DAMAGED STATE_FILE ".damaged"

enum { STATE_MAX = 256 * 1024 };

static const int64_t time_max_at = 253402300799; /* the last second of the year 9999 */

/* One member of the file and where it stands in the struct: one table serves reading and printing, so that they cannot differ. */
enum field_type { FIELD_TEXT, FIELD_TIME, FIELD_BOOL, FIELD_COUNT };

struct field {
	const char *section; /* NULL: at the top */
	const char *name;
	enum field_type type;
	size_t offset;
	size_t size;
};

#define FIELD(section_, name_, type_, member_)                                                      \
	{                                                                                           \
		section_, name_, type_, offsetof(struct store_state, member_),                      \
			sizeof(((struct store_state *)NULL)->member_)                               \
	}

/* One of the list, by its place. */
#define CA_FIELDS(section_, at_)                                                             \
	FIELD(section_, "directory", FIELD_TEXT, cas[(at_)].directory),                      \
		FIELD(section_, "failures", FIELD_COUNT, cas[(at_)].failures),               \
		FIELD(section_, "failed_at", FIELD_TIME, cas[(at_)].failed_at),              \
		FIELD(section_, "reason", FIELD_TEXT, cas[(at_)].reason),                    \
		FIELD(section_, "order_url", FIELD_TEXT, cas[(at_)].order_url),              \
		FIELD(section_, "order_expires_at", FIELD_TIME, cas[(at_)].order_expires_at), \
		FIELD(section_, "order_account", FIELD_TEXT, cas[(at_)].order_account)

/* What is remembered of what the CA suggests for one certificate. */
#define ARI_FIELDS(section_, at_) \
	FIELD(section_, "id", FIELD_TEXT, ari[(at_)].id), \
	FIELD(section_, "start", FIELD_TIME, ari[(at_)].start_at), \
	FIELD(section_, "end", FIELD_TIME, ari[(at_)].end_at), \
	FIELD(section_, "chosen", FIELD_TIME, ari[(at_)].chosen_at), \
	FIELD(section_, "explanation_url", FIELD_TEXT, ari[(at_)].explanation_url), \
	FIELD(section_, "checked_at", FIELD_TIME, ari[(at_)].checked_at), \
	FIELD(section_, "next_check_at", FIELD_TIME, ari[(at_)].next_check_at), \
	FIELD(section_, "failures", FIELD_COUNT, ari[(at_)].failures)

static const struct field fields[] = {
	FIELD("attempt", "at", FIELD_TIME, last_at),
	FIELD("attempt", "ok", FIELD_BOOL, last_ok),
	FIELD("attempt", "failures", FIELD_COUNT, attempts),
	FIELD("attempt", "next_at", FIELD_TIME, next_at),
	FIELD("attempt", "success_at", FIELD_TIME, success_at),
	FIELD("attempt", "alarm", FIELD_COUNT, alarm),
	FIELD("error", "message", FIELD_TEXT, last_error.message),
	FIELD("error", "advice", FIELD_TEXT, last_error.advice),
	FIELD("error", "problem", FIELD_TEXT, last_error.problem),
	FIELD("error", "retry_at", FIELD_TIME, last_error.retry_at),
	FIELD("order", "url", FIELD_TEXT, order_url),
	FIELD("order", "expires_at", FIELD_TIME, order_expires_at),
	FIELD("order", "directory", FIELD_TEXT, order_directory),
	FIELD("order", "account", FIELD_TEXT, order_account),
	FIELD("order", "names", FIELD_TEXT, order_names),
	CA_FIELDS("ca_1", 0),
	CA_FIELDS("ca_2", 1),
	CA_FIELDS("ca_3", 2),
	CA_FIELDS("ca_4", 3),
	CA_FIELDS("ca_5", 4),
	CA_FIELDS("ca_6", 5),
	CA_FIELDS("ca_7", 6),
	CA_FIELDS("ca_8", 7),
	FIELD("issued", "directory", FIELD_TEXT, directory),
	FIELD("issued", "ca", FIELD_TEXT, ca),
	FIELD("issued", "revoked", FIELD_TEXT, revoked),
	FIELD("issued", "account", FIELD_TEXT, account),
	FIELD("issued", "profile", FIELD_TEXT, profile),
	ARI_FIELDS("ari", 0),
	ARI_FIELDS("ari_second", 1),
	FIELD("ari", "early_at", FIELD_TIME, ari_early_at),
	FIELD("deploy", "generation", FIELD_COUNT, deploy_generation),
	FIELD("deploy", "previous", FIELD_COUNT, deploy_previous),
	FIELD("served", "verified", FIELD_BOOL, served),
	FIELD("served", "at", FIELD_TIME, served_at),
	FIELD("served", "generation", FIELD_COUNT, served_generation),
	FIELD(NULL, "post_renew_pending", FIELD_BOOL, post_renew_pending),
};

/* Where the serial stands in the list, or NULL. */
static const char *find_revoked(const struct store_state *state, const char *serial)
{
	const char *at = state->revoked;
	const size_t len = strlen(serial);

	while (len > 0 && *at != '\0') {
		const size_t word = strcspn(at, " ");

		if (word == len && memcmp(at, serial, len) == 0)
			return at;
		at += word;
		at += strspn(at, " ");
	}
	return NULL;
}

bool store_state_is_revoked(const struct store_state *state, const char *serial)
{
	return find_revoked(state, serial) != NULL;
}

void store_state_add_revoked(struct store_state *state, const char *serial)
{
	char list[2 * sizeof(state->revoked)];
	char *end;

	if (find_revoked(state, serial) != NULL)
		return;
	snprintf(list, sizeof(list), "%.200s%s%s", serial, state->revoked[0] != '\0' ? " " : "", state->revoked);
	/* Cut where a serial ends. */
	if (!text_copy(state->revoked, sizeof(state->revoked), list)) {
		end = strrchr(state->revoked, ' ');
		if (end != NULL)
			*end = '\0';
	}
}

const struct store_state_ca *store_state_ca(const struct store_state *state, const char *directory)
{
	for (size_t i = 0; i < ARRAY_SIZE(state->cas); i++) {
		if (state->cas[i].directory[0] != '\0' && text_equal(state->cas[i].directory, directory))
			return &state->cas[i];
	}
	return NULL;
}

struct store_state_ca *store_state_ca_make(struct store_state *state, const char *directory,
                                           bool (*keep)(const void *self, const char *directory), const void *self)
{
	const struct store_state_ca *known = store_state_ca(state, directory);

	if (known != NULL)
		return &state->cas[known - state->cas];
	if (strlen(directory) >= sizeof(state->cas[0].directory))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(state->cas); i++) {
		struct store_state_ca *ca = &state->cas[i];

		if (ca->directory[0] != '\0' && keep(self, ca->directory))
			continue;
		*ca = (struct store_state_ca){ .failures = 0 };
		text_copy(ca->directory, sizeof(ca->directory), directory);
		return ca;
	}
	return NULL;
}

static int damaged(struct error *err, const char *field, const char *why)
{
	error_set(err, ERROR_SYSTEM, STATE_FILE ": .%s %s", field, why);
	return STORE_DAMAGED;
}

static int read_text(const json_t *object, const struct field *f, char *out, struct error *err)
{
	const char *text;
	int r = json_field_string(object, STATE_FILE, f->name, &text, err);

	if (r != JSON_FIELD_OK)
		return r < 0 ? STORE_DAMAGED : 0;
	if (!text_copy(out, f->size, text))
		return damaged(err, f->name, "is too long");
	text_clean(out);
	return 0;
}

static int read_field(const json_t *object, const struct field *f, struct store_state *state, struct error *err)
{
	char *at = (char *)state + f->offset;
	int64_t number = 0;
	uint64_t count;
	bool flag = false;
	int r = 0;

	switch (f->type) {
	case FIELD_TEXT:
		return read_text(object, f, at, err);
	case FIELD_TIME:
		r = json_field_time(object, STATE_FILE, f->name, &number, err);
		if (r == JSON_FIELD_OK && (number < 0 || number > time_max_at))
			return damaged(err, f->name, "is before 1970");
		memcpy(at, &number, sizeof(number));
		break;
	case FIELD_COUNT:
		r = json_field_int(object, STATE_FILE, f->name, &number, err);
		if (r == JSON_FIELD_OK && number < 0)
			return damaged(err, f->name, "is negative");
		count = (uint64_t)number;
		memcpy(at, &count, sizeof(count));
		break;
	case FIELD_BOOL:
		r = json_field_bool(object, STATE_FILE, f->name, &flag, err);
		memcpy(at, &flag, sizeof(flag));
		break;
	}
	return r < 0 ? STORE_DAMAGED : 0;
}

/* The parts of the error that are not plain members. */
static int read_error(const json_t *object, struct error *ret, struct error *err)
{
	const char *kind = NULL;
	int64_t status = 0;
	int r = json_field_string(object, STATE_FILE, "kind", &kind, err);

	if (r < 0)
		return STORE_DAMAGED;
	if (r == JSON_FIELD_OK && error_kind_parse(kind, &ret->kind) < 0)
		return damaged(err, "error.kind", "is none that there is");
	if (json_field_int(object, STATE_FILE, "http_status", &status, err) < 0)
		return STORE_DAMAGED;
	if (status < 0 || status > 999)
		return damaged(err, "error.http_status", "is none that there is");
	ret->http_status = (int)status;
	return 0;
}

static int check_version(const json_t *doc, struct error *err)
{
	int64_t version;
	int r = json_need_int(doc, STATE_FILE, "version", &version, err);

	if (r < 0)
		return STORE_DAMAGED;
	if (version < 1)
		return damaged(err, "version", "is less than 1");
	if (version <= STORE_STATE_VERSION)
		return 0;
	error_set(err, ERROR_SYSTEM, STATE_FILE " is of version %jd, this certd knows up to %d", (intmax_t)version,
	          (int)STORE_STATE_VERSION);
	return error_advise(err, "run the newer certd that wrote it; or move the file away, which forgets what is pending");
}

/* The object that the members of a section stand in; NULL for a section that is absent. `before` is that of the field before, which is mostly the same. */
static int find_section(const json_t *doc, const struct field *f, const json_t *before, const json_t **ret, struct error *err)
{
	*ret = doc;
	if (f->section == NULL)
		return 0;
	*ret = before;
	if (f != fields && f[-1].section == f->section)
		return 0;
	*ret = NULL;
	return json_field_object(doc, STATE_FILE, f->section, ret, err) < 0 ? STORE_DAMAGED : 0;
}

/* Into a state that is all zero; after a failure it holds some of what was read. It is large: of thousands it is not copied about. */
static int parse_into(const char *data, size_t len, struct store_state *state, struct error *err)
{
	json_auto_t *doc = NULL;
	const json_t *section = NULL;
	int r;

	if (json_doc_parse(data, len, STATE_FILE, &doc, err) < 0)
		return err->kind == ERROR_INTERNAL ? -1 : STORE_DAMAGED;
	r = check_version(doc, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
		r = find_section(doc, &fields[i], section, &section, err);
		if (r == 0 && section != NULL)
			r = read_field(section, &fields[i], state, err);
	}
	if (r == 0 && json_field_object(doc, STATE_FILE, "error", &section, err) == JSON_FIELD_OK)
		r = read_error(section, &state->last_error, err);
	return r;
}

int store_state_parse(const char *data, size_t len, struct store_state *ret, struct error *err)
{
	CLEANUP(clean_free) struct store_state *state = calloc(1, sizeof(*state));
	int r;

	if (state == NULL)
		return error_oom(err);
	r = parse_into(data, len, state, err);
	if (r == 0)
		*ret = *state;
	return r;
}

/* A value of the state, or NULL where it is the zero that an absent member stands for. *ret_failed on lack of memory. */
static json_t *make_value(const struct store_state *state, const struct field *f, bool *ret_failed)
{
	const char *at = (const char *)state + f->offset;
	char time[TIME_TEXT_SIZE];
	json_t *value = NULL;
	uint64_t count;
	int64_t when;
	bool flag;

	switch (f->type) {
	case FIELD_TEXT:
		if (at[0] == '\0')
			return NULL;
		value = json_stringn(at, strnlen(at, f->size - 1));
		break;
	case FIELD_TIME:
		memcpy(&when, at, sizeof(when));
		if (when <= 0)
			return NULL;
		value = json_string(time_format(when < time_max_at ? when : time_max_at, time));
		break;
	case FIELD_COUNT:
		memcpy(&count, at, sizeof(count));
		if (count == 0)
			return NULL;
		value = json_integer(count < INT64_MAX ? (json_int_t)count : INT64_MAX);
		break;
	case FIELD_BOOL:
		memcpy(&flag, at, sizeof(flag));
		if (!flag)
			return NULL;
		value = json_true();
		break;
	}
	*ret_failed = *ret_failed || value == NULL;
	return value;
}

/* The object of that section, made when it is not there yet. Borrowed. */
static json_t *section_of(json_t *doc, const char *section)
{
	json_t *object = section != NULL ? json_object_get(doc, section) : doc;

	if (object != NULL)
		return object;
	if (json_object_set_new(doc, section, json_object()) < 0)
		return NULL;
	return json_object_get(doc, section);
}

static int add(json_t *doc, const char *section, const char *name, json_t *value)
{
	json_t *object = section_of(doc, section);

	if (object != NULL)
		return json_object_set_new(object, name, value);
	json_decref(value);
	return -1;
}

int store_state_print(const struct store_state *state, struct buf *out, struct error *err)
{
	CLEANUP(clean_free) struct store_state *clean = malloc(sizeof(*clean));
	json_auto_t *doc = json_object();
	bool failed = clean == NULL || doc == NULL ||
	              json_object_set_new(doc, "version", json_integer(STORE_STATE_VERSION)) < 0;

	if (!failed)
		*clean = *state;
	for (size_t i = 0; !failed && i < ARRAY_SIZE(fields); i++) {
		json_t *value;

		/* JSON holds UTF-8 only, and a text that was cut may end in the middle of a character. */
		if (fields[i].type == FIELD_TEXT) {
			((char *)clean + fields[i].offset)[fields[i].size - 1] = '\0';
			text_clean((char *)clean + fields[i].offset);
		}
		value = make_value(clean, &fields[i], &failed);
		failed = failed || (value != NULL && add(doc, fields[i].section, fields[i].name, value) < 0);
	}
	if (!failed && clean->last_error.kind != ERROR_NONE)
		failed = add(doc, "error", "kind", json_string(error_kind_name(clean->last_error.kind))) < 0;
	if (!failed && clean->last_error.http_status > 0 && clean->last_error.http_status <= 999)
		failed = add(doc, "error", "http_status", json_integer(clean->last_error.http_status)) < 0;
	if (failed)
		return error_oom(err);
	if (json_doc_print(doc, false, out, err) < 0)
		return -1;
	buf_append_char(out, '\n');
	return buf_check(out, STATE_FILE, err);
}

static int move_aside(const struct store_cert *cert, struct error *err)
{
	struct error why = *err;

	if (cert->looking) {
		error_context(err, "%s", cert->path);
		return STORE_DAMAGED;
	}
	if (file_rename(cert->fd, STATE_FILE, cert->fd, STATE_DAMAGED, err) < 0)
		return error_context(err, "%s, and it cannot be moved aside", why.message);
	error_set(err, ERROR_SYSTEM, "%s/%s; it was moved to " STATE_DAMAGED ", and certd begins a new one", cert->path,
	          why.message);
	error_advise(err, "nothing, unless this comes again: then look for what writes there, or at the disk");
	return STORE_DAMAGED;
}

int store_state_load(const struct store_cert *cert, struct store_state *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(STATE_MAX);
	struct stat st;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (fstatat(cert->fd, STATE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? STORE_OK : error_sys(err, errno, "cannot look at %s/" STATE_FILE, cert->path);
	if (!S_ISREG(st.st_mode)) {
		error_set(err, ERROR_SYSTEM, STATE_FILE " is no regular file");
		return move_aside(cert, err);
	}
	if (st.st_size > STATE_MAX) {
		error_set(err, ERROR_SYSTEM, STATE_FILE " has %jd bytes, more than any that certd writes",
		          (intmax_t)st.st_size);
		return move_aside(cert, err);
	}
	r = file_read(cert->fd, STATE_FILE, &text, err);
	if (r < 0)
		return -1;
	if (r == FILE_ABSENT)
		return STORE_OK;
	r = parse_into(buf_text(&text), text.len, ret, err);
	if (r != 0)
		memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return error_context(err, "%s", cert->path);
	return r == STORE_DAMAGED ? move_aside(cert, err) : STORE_OK;
}

int store_state_save(const struct store_cert *cert, const struct store_state *state, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(STATE_MAX);

	if (store_state_print(state, &text, err) < 0 ||
	    file_write(cert->fd, STATE_FILE, text.data, text.len, 0600, err) < 0)
		return error_context(err, "cannot keep the state of %s", cert->path);
	return 0;
}
