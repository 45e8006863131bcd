/* build_ca.c: which CAs there are, and whose certificate is whose. */
#include "config/owned.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/ca.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/secret.h"
#include "config/value.h"

#include <string.h>
#include <sys/stat.h>

/* A key that others can read is nobody's any more. Whether the file is there is a matter of when it is needed. */
static void check_secret(struct config_build *b, const struct config_placed *placed)
{
	struct stat st;

	if (stat(placed->value->text, &st) == 0 && (st.st_mode & (S_IRWXO)) != 0)
		config_problem(b->problems, placed->file, placed->value->line,
		               "%s %s: its mode %04o lets everybody at the CA's key: chmod 0600 it", placed->value->directive->name,
		               placed->value->text, (unsigned int)(st.st_mode & 07777));
}

void config_build_check_eab(struct config_build *b, const struct config_placed *placed)
{
	const struct config_placed *kid = config_placed_of(placed, "eab-kid", CONFIG_SCOPE_CA);
	const struct config_placed *hmac = config_placed_of(placed, "eab-hmac-file", CONFIG_SCOPE_CA);
	const struct config_placed *one = config_placed_text(kid) != NULL ? kid : hmac;
	const struct config_placed *algorithm;

	if ((config_placed_text(kid) == NULL) != (config_placed_text(hmac) == NULL))
		config_problem(b->problems, one->file, one->value->line,
		               "%s: eab-kid and eab-hmac-file go together, and %s is missing beside it",
		               one->value->directive->name, one == kid ? "eab-hmac-file" : "eab-kid");
	if (config_placed_text(hmac) != NULL && config_secret_credential(hmac->value->text) == NULL)
		check_secret(b, hmac);
	algorithm = config_placed_of(placed, "eab-algorithm", CONFIG_SCOPE_CA);
	if (config_placed_text(algorithm) != NULL && config_placed_text(kid) == NULL)
		config_problem(b->problems, algorithm->file, algorithm->value->line,
		               "eab-algorithm: eab-kid and eab-hmac-file are missing beside it");
}

static const struct ca_member {
	const char *name;
	size_t offset;
} ca_members[] = {
	{ "ca-bundle", offsetof(struct config_ca, ca_bundle) },
	{ "eab-kid", offsetof(struct config_ca, eab_kid) },
	{ "eab-hmac-file", offsetof(struct config_ca, eab_hmac_file) },
	{ "eab-algorithm", offsetof(struct config_ca, eab_algorithm) },
	{ "orders-per-account", offsetof(struct config_ca, orders_per_account) },
	{ "certificates-per-names", offsetof(struct config_ca, certificates_per_names) },
	{ "failures-per-name", offsetof(struct config_ca, failures_per_name) },
	{ "renewals-exempt", offsetof(struct config_ca, renewals_exempt) },
};

static void put_ca_block(struct config_build *b, const struct config_block *block, struct config_ca *ca)
{
	struct config_placed placed[CONFIG_DIRECTIVES_MAX] = { 0 };
	const struct config_placed *directory;

	config_build_gather(block, placed);
	directory = config_placed_of(placed, "directory", CONFIG_SCOPE_CA);
	if (directory->value != NULL) {
		config_build_put(b, directory, &ca->directory);
		config_ca_standard_limits(ca);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ca_members); i++) {
		const struct config_placed *one = config_placed_of(placed, ca_members[i].name, CONFIG_SCOPE_CA);

		if (one->value != NULL)
			config_build_put(b, one, (char *)ca + ca_members[i].offset);
	}
	config_build_check_eab(b, placed);
	if (ca->directory == NULL && directory->value == NULL)
		config_problem(b->problems, block->file, block->line,
		               "ca \"%s\": its directory is missing: directory = \"https://...\"", ca->name);
}

static const struct config_ca *find_ca(const struct config_owned *o, const char *name, size_t *ret_at)
{
	for (size_t i = 0; i < o->cas_count; i++) {
		if (text_equal(o->cas[i]->name, name)) {
			*ret_at = i;
			return o->cas[i];
		}
	}
	return NULL;
}

static int add_ca(struct config_build *b, const struct config_ca *ca, size_t *ret_at)
{
	struct config_owned *o = b->owned;
	const struct config_ca **cas = config_arena_grow(&o->arena, o->cas, o->cas_count, sizeof(const struct config_ca *));

	if (cas == NULL) {
		config_problem_oom(b->problems);
		return -1;
	}
	o->cas = cas;
	*ret_at = o->cas_count;
	o->cas[o->cas_count++] = ca;
	return 0;
}

/* The block that speaks of the same thing before this one, or NULL. */
static const struct config_block *earlier(const struct config_owned *o, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (o->raw.blocks[i]->scope == o->raw.blocks[at]->scope &&
		    text_equal(o->raw.blocks[i]->title, o->raw.blocks[at]->title))
			return o->raw.blocks[i];
	}
	return NULL;
}

void config_build_cas(struct config_build *b)
{
	struct config_owned *o = b->owned;
	size_t builtin_count, at;
	const struct config_ca *builtin = config_builtin_cas(&builtin_count);

	for (size_t i = 0; i < builtin_count; i++)
		add_ca(b, &builtin[i], &at);
	for (size_t i = 0; i < o->raw.count; i++) {
		const struct config_block *block = o->raw.blocks[i], *before;
		const struct config_ca *known;
		struct config_ca *ca;
		struct error err;

		if (block->scope != CONFIG_SCOPE_CA)
			continue;
		before = earlier(o, i);
		if (before != NULL) {
			config_problem(b->problems, block->file, block->line, "ca \"%s\" is described in %s:%u already",
			               block->title, before->file, before->line);
			continue;
		}
		if (config_ca_check_name(block->title, &err) < 0)
			config_build_tell(b, block->file, block->line, &err);
		ca = config_arena_alloc(&o->arena, 1, sizeof(*ca));
		if (ca == NULL) {
			config_problem_oom(b->problems);
			return;
		}
		known = find_ca(o, block->title, &at);
		if (known != NULL)
			*ca = *known;
		else if (add_ca(b, ca, &at) < 0)
			return;
		ca->name = block->title;
		o->cas[at] = ca;
		put_ca_block(b, block, ca);
	}
}

/* The values of `ca` that count: of the certificate's block (or NULL), else of what is said for all; else the default, which has no place. */
struct choice {
	const char *texts[CONFIG_CAS_MAX];
	unsigned int lines[CONFIG_CAS_MAX];
	size_t count;
	const char *file;
};

static void add_choice(struct config_build *b, const struct config_block *block, struct choice *choice)
{
	const struct config_directive *directive = config_directive_find("ca", CONFIG_SCOPE_GLOBAL);

	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive != directive)
			continue;
		if (choice->count == CONFIG_CAS_MAX) {
			config_problem(b->problems, block->file, block->values[i].line, "ca: more than %d are too many", CONFIG_CAS_MAX);
			return;
		}
		choice->file = block->file;
		choice->lines[choice->count] = block->values[i].line;
		choice->texts[choice->count++] = block->values[i].text;
	}
}

static void choose_for_all(struct config_build *b, const struct config_placed *global, struct choice *choice)
{
	const struct config_placed *said = config_placed_of(global, "ca", CONFIG_SCOPE_GLOBAL);

	*choice = (struct choice){ .file = b->config->file };
	if (said->value != NULL)
		add_choice(b, said->block, choice);
	if (choice->count == 0)
		choice->texts[choice->count++] = config_directive_find("ca", CONFIG_SCOPE_GLOBAL)->standard;
}

/* Where the words on a certificate's CAs come from. */
struct ca_words {
	const struct config_placed *own;
	const struct config_placed *global;
	struct choice chosen;
	struct choice for_all;
};

static bool says_eab(const struct config_placed *placed)
{
	return config_placed_text(config_placed_of(placed, "eab-kid", CONFIG_SCOPE_CA)) != NULL &&
	       config_placed_text(config_placed_of(placed, "eab-hmac-file", CONFIG_SCOPE_CA)) != NULL;
}

/* Who says something of external account binding with this CA beside its own block, or NULL. */
static const struct config_placed *who_binds(const struct ca_words *words, const struct config_ca *ca, const char *text)
{
	if (says_eab(words->own))
		return words->own;
	return ca->eab_kid == NULL && words->for_all.count == 1 && text_equal(text, words->for_all.texts[0]) && says_eab(words->global) ?
	               words->global :
	               NULL;
}

/* The CA with what the certificate, and what is said for all, says of it. */
static const struct config_ca *derive(struct config_build *b, const struct ca_words *words, const struct config_ca *ca, const char *text)
{
	const struct config_placed *bundle = config_placed_of(words->own, "ca-bundle", CONFIG_SCOPE_CA);
	const struct config_placed *eab = who_binds(words, ca, text);
	struct config_ca derived = *ca;
	struct config_ca *copy;

	if (bundle->value == NULL && ca->ca_bundle == NULL)
		bundle = config_placed_of(words->global, "ca-bundle", CONFIG_SCOPE_CA);
	if (bundle->value != NULL)
		config_build_put(b, bundle, &derived.ca_bundle);
	if (eab != NULL) {
		config_build_put(b, config_placed_of(eab, "eab-kid", CONFIG_SCOPE_CA), &derived.eab_kid);
		config_build_put(b, config_placed_of(eab, "eab-hmac-file", CONFIG_SCOPE_CA), &derived.eab_hmac_file);
		derived.eab_algorithm = NULL;
		if (config_placed_text(config_placed_of(eab, "eab-algorithm", CONFIG_SCOPE_CA)) != NULL)
			config_build_put(b, config_placed_of(eab, "eab-algorithm", CONFIG_SCOPE_CA), &derived.eab_algorithm);
	}
	if (derived.ca_bundle == ca->ca_bundle && derived.eab_kid == ca->eab_kid)
		return ca;
	copy = config_arena_alloc(&b->owned->arena, 1, sizeof(*copy));
	if (copy == NULL) {
		config_problem_oom(b->problems);
		return ca;
	}
	*copy = derived;
	return copy;
}

/* Of several CAs each has credentials of its own. */
static void check_whose_eab(struct config_build *b, const struct config_placed *said, size_t count)
{
	const struct config_placed *kid = config_placed_of(said, "eab-kid", CONFIG_SCOPE_CA);

	if (count > 1 && config_placed_text(kid) != NULL)
		config_problem(b->problems, kid->file, kid->value->line,
		               "eab-kid: there are %zu CAs, and each has its own: write eab-kid and eab-hmac-file into the ca block of the "
		               "one they are from",
		               count);
}

static bool is_twice(const struct config_ca *const *cas, size_t count, const struct config_ca *ca)
{
	for (size_t i = 0; i < count; i++) {
		if (cas[i]->directory != NULL && ca->directory != NULL && text_equal(cas[i]->directory, ca->directory))
			return true;
	}
	return false;
}

/* What a staging environment issues must not come into use only because a CA is away. */
static void check_staging(struct config_build *b, const struct choice *chosen, const struct config_ca *const *cas, size_t count)
{
	const struct config_ca *staging = NULL, *real = NULL;

	for (size_t i = 0; i < count; i++) {
		if (cas[i]->staging)
			staging = cas[i];
		else if (cas[i]->caa != NULL)
			real = cas[i];
	}
	if (staging != NULL && real != NULL)
		config_problem(b->problems, chosen->file, chosen->lines[0],
		               "ca: %s issues certificates that no browser trusts: it cannot stand in for %s", staging->name, real->name);
}

void config_build_choose_cas(struct config_build *b, const struct config_block *block, const struct config_placed *own,
                             const struct config_placed *global, struct config_settings *settings)
{
	const struct config_ca **cas = config_arena_alloc(&b->owned->arena, CONFIG_CAS_MAX, sizeof(*cas));
	struct ca_words words = { .own = own, .global = global };
	size_t count = 0;
	struct error err;

	if (cas == NULL) {
		config_problem_oom(b->problems);
		return;
	}
	choose_for_all(b, global, &words.for_all);
	if (block != NULL)
		add_choice(b, block, &words.chosen);
	if (words.chosen.count == 0)
		words.chosen = words.for_all;
	check_whose_eab(b, block != NULL ? own : global, words.chosen.count);
	for (size_t i = 0; i < words.chosen.count; i++) {
		const struct config_ca *ca;

		if (config_ca_resolve(b->owned->cas, b->owned->cas_count, words.chosen.texts[i], &b->owned->arena, &ca, &err) < 0) {
			config_build_tell(b, words.chosen.file, words.chosen.lines[i], &err);
			continue;
		}
		if (is_twice(cas, count, ca))
			config_problem(b->problems, words.chosen.file, words.chosen.lines[i], "ca \"%s\" stands there twice",
			               words.chosen.texts[i]);
		cas[count++] = derive(b, &words, ca, words.chosen.texts[i]);
	}
	check_staging(b, &words.chosen, cas, count);
	if (count == 0)
		return;
	settings->ca = cas[0];
	settings->cas = cas;
	settings->cas_count = count;
}
