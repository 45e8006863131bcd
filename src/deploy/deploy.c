#include "deploy/deploy.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/load.h"
#include "deploy/private.h"
#include "hook/hook.h"
#include "store/store.h"

#include <stdlib.h>

enum { ENVIRONMENT_MAX = 100, ALL_MAX = 64 * 1024 };

static const char live_again[] = "after the previous certificate went live again";

void deploy_done(struct deploy *deploy)
{
	buf_done(&deploy->snippet_before);
	buf_done(&deploy->snippet_after);
}

static bool with_nginx(const struct deploy *item)
{
	return item->certificate->settings.deploy == CONFIG_DEPLOY_NGINX;
}

static bool is_good(const struct deploy *item)
{
	return item->error.kind == ERROR_NONE;
}

/* Adds to the message of *err, whose other parts stay. */
static void add_to_message(struct error *err, const struct error *more)
{
	error_append(err, "; and %s", more->message);
	if (err->advice[0] == '\0')
		error_advise(err, "%s", more->advice);
}

static int write_snippet(const struct deploy_round *round, struct deploy *item, struct error *err)
{
	const char *name = item->certificate->name;
	int r;

	item->snippet_before = BUF(SNIPPET_MAX);
	item->snippet_after = BUF(SNIPPET_MAX);
	r = deploy_snippet_read(round->config, name, &item->snippet_before, err);
	if (r < 0)
		return error_context(err, "the SSL snippet of %s", name);
	item->had_snippet = r == FILE_OK;
	if (deploy_snippet_text(round->config, item->certificate, item->store, round->runner, &item->snippet_after, err) < 0)
		return error_context(err, "the SSL snippet of %s", name);
	/* Also when it fails: it may have been put in its place and then not fsynced. */
	item->wrote_snippet = true;
	return deploy_snippet_write(round->config, name, &item->snippet_after, err);
}

static int put_snippet_back(const struct deploy_round *round, const struct deploy *item, struct error *err)
{
	const char *name = item->certificate->name;

	if (!item->wrote_snippet)
		return 0;
	if (item->had_snippet)
		return deploy_snippet_put_back(round->config, item->certificate, item->store, round->runner, &item->snippet_before, err);
	return deploy_snippet_remove(round->config, name, err);
}

/* The snippet never names a file that there is not. */
static int go_live(const struct deploy_round *round, const struct deploy *item, uint64_t generation, struct error *err)
{
	if (deploy_snippet_prepare(round->config, item->certificate, item->store, generation, round->runner, err) < 0)
		return -1;
	return store_live_switch(item->store, generation, err);
}

/* The files as they were before. */
static int go_back(const struct deploy_round *round, const struct deploy *item, struct error *err)
{
	if (item->previous != 0 && go_live(round, item, item->previous, err) < 0)
		return error_context(err, "the previous certificate could not be made live again");
	if ((item->previous != 0 || !item->nginx_took) && put_snippet_back(round, item, err) < 0)
		return error_context(err, "the snippet could not be put back");
	return 0;
}

static int go_forward(const struct deploy_round *round, const struct deploy *item, struct error *err)
{
	if (go_live(round, item, item->generation, err) < 0)
		return -1;
	return deploy_snippet_write(round->config, item->certificate->name, &item->snippet_after, err);
}

/* Its error is set. */
static void give_up(const struct deploy_round *round, struct deploy *item)
{
	struct error more;

	item->error.kind = ERROR_DEPLOY;
	item->is_back = true;
	error_clear(&more);
	if (go_back(round, item, &more) < 0)
		add_to_message(&item->error, &more);
}

static void give_up_because(const struct deploy_round *round, struct deploy *item, const struct error *why)
{
	item->error = *why;
	give_up(round, item);
}

/* What NGINX shall load, in the order in which it was named. */
struct candidates {
	struct deploy **items;
	size_t count;
};

static void list_candidates(const struct deploy_round *round, struct candidates *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < round->count; i++) {
		if (with_nginx(round->items[i]) && is_good(round->items[i]))
			ret->items[ret->count++] = round->items[i];
	}
}

static int load(struct deploy_round *round, struct deploy *const *items, size_t count, bool previous, struct error *err)
{
	CLEANUP(buf_done) struct buf all = BUF(ALL_MAX);
	const struct clock *clock = clock_system();
	const int64_t begin_ms = clock_monotonic_ms(clock);
	struct deploy_load l = {
		.config = round->config,
		.runner = round->runner,
		.watch = round->watch,
		.certificate = items[0]->certificate,
		.store = items[0]->store,
		.generation = previous ? items[0]->previous : items[0]->generation,
	};
	int r;

	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&all, "%s%s", i > 0 ? " " : "", items[i]->certificate->name);
	if (buf_check(&all, "the names of the certificates", err) < 0)
		return -1;
	l.all = buf_text(&all);
	r = deploy_load(&l, round->stayed, err);
	round->load_ms += clock_monotonic_ms(clock) - begin_ms;
	return r;
}

/* Which of [low, high), whose files are as before, NGINX's test fails with: these are given up. The others are new then. */
static void find_fault(const struct deploy_round *round, const struct candidates *all, size_t low, size_t high)
{
	struct error why;
	int r = 0;

	error_clear(&why);
	for (size_t i = low; i < high && r == 0; i++)
		r = go_forward(round, all->items[i], &why);
	if (r == 0)
		r = interrupt_check(&why);
	if (r == 0)
		r = deploy_load_test(round->config, round->runner, &why);
	if (r == 0)
		return;
	if (high - low == 1) {
		error_context(&why, "NGINX refuses its configuration with this certificate, and not without it");
		give_up_because(round, all->items[low], &why);
		return;
	}
	for (size_t i = low; i < high; i++) {
		struct error ignored; /* It is told when it is given up. */

		(void)go_back(round, all->items[i], &ignored);
	}
	find_fault(round, all, low, low + (high - low) / 2);
	find_fault(round, all, low + (high - low) / 2, high);
}

/* NGINX did not load what was put before it. One that is at fault is given up; true when the others are to be tried again. */
static bool sort_out(const struct deploy_round *round, const struct candidates *all, struct error *why)
{
	struct error fault, ignored;
	bool with, without;

	error_clear(&fault);
	with = all->count > 1 && interrupt_check(&ignored) == 0 && deploy_load_test(round->config, round->runner, &fault) < 0;
	if (!with) {
		for (size_t i = 0; i < all->count; i++)
			give_up_because(round, all->items[i], why);
		return false;
	}
	for (size_t i = 0; i < all->count; i++)
		(void)go_back(round, all->items[i], &ignored);
	without = deploy_load_test(round->config, round->runner, &fault) < 0;
	if (without) {
		for (size_t i = 0; i < all->count; i++)
			give_up_because(round, all->items[i], why);
		return false;
	}
	find_fault(round, all, 0, all->count);
	return true;
}

/* Told to stop while NGINX was at it: what it has now is not known, and nothing speaks against it. The next run does it again, to the end. */
static void leave(const struct candidates *all, const struct error *why)
{
	for (size_t i = 0; i < all->count; i++) {
		all->items[i]->error = *why;
		all->items[i]->nginx_took = true;
		all->items[i]->is_back = true;
	}
}

/* One test and one reload for all; where the test fails, one more for those that are not at fault. */
static void load_all(struct deploy_round *round)
{
	CLEANUP(clean_free) struct deploy **list = calloc(round->count + 1, sizeof(struct deploy *));
	struct candidates all = { .items = list };
	struct error why;

	for (int tries = 0; list != NULL && tries < 2; tries++) {
		list_candidates(round, &all);
		if (all.count == 0)
			return;
		error_clear(&why);
		if (load(round, all.items, all.count, false, &why) == 0) {
			for (size_t i = 0; i < all.count; i++)
				all.items[i]->nginx_took = true;
			return;
		}
		if (why.kind == ERROR_INTERRUPTED) {
			leave(&all, &why);
			return;
		}
		if (tries == 0 && sort_out(round, &all, &why))
			continue;
		for (size_t i = 0; tries > 0 && i < all.count; i++)
			give_up_because(round, all.items[i], &why);
		return;
	}
	for (size_t i = 0; list == NULL && i < round->count; i++) {
		error_oom(&round->items[i]->error);
		give_up(round, round->items[i]);
	}
}

/* The hooks of hooks-dir/deploy, for one certificate. */
static int run_hooks(const struct deploy_round *round, const struct deploy *item, uint64_t generation, struct error *err)
{
	CLEANUP(strv_done) struct strv environment = STRV(ENVIRONMENT_MAX);
	const struct hook_event event = {
		.event = "deploy",
		.certificate = item->certificate->name,
		.environment = &environment,
		.deadline_ms = round->config->timeouts.hook_ms,
	};

	if (deploy_environment(round->config, item->certificate, item->store, generation, &environment, err) < 0 ||
	    (with_nginx(item) && deploy_load_environment(round->config, &environment, err) < 0))
		return -1;
	return hook_run_all(round->runner, round->config->hooks_dir, &event, NULL, err);
}

void deploy_round_apply(struct deploy_round *round)
{
	round->load_ms = 0;
	round->stayed[0] = '\0';
	for (size_t i = 0; i < round->count; i++) {
		struct deploy *item = round->items[i];

		if (with_nginx(item) && is_good(item) && write_snippet(round, item, &item->error) < 0)
			give_up(round, item);
	}
	load_all(round);
	for (size_t i = 0; i < round->count; i++) {
		struct deploy *item = round->items[i];

		if (!is_good(item))
			continue;
		/* Nothing is wrong with it: the next run deploys it again, to the end. */
		if (interrupt_check(&item->error) < 0) {
			item->is_back = true;
			continue;
		}
		item->hooks_ran = true;
		if (run_hooks(round, item, item->generation, &item->error) < 0)
			item->error.kind = ERROR_DEPLOY;
	}
}

/* Those whose new files NGINX has, and shall have no more. */
static void reload_undone(struct deploy_round *round)
{
	CLEANUP(clean_free) struct deploy **list = calloc(round->count + 1, sizeof(struct deploy *));
	struct error why;
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < round->count; i++) {
		struct deploy *item = round->items[i];

		if (!is_good(item) && !item->is_back && item->nginx_took && item->previous != 0)
			list[n++] = item;
	}
	error_clear(&why);
	if (list == NULL || n == 0 || load(round, list, n, true, &why) == 0)
		return;
	error_context(&why, "%s", live_again);
	for (size_t i = 0; i < n; i++)
		add_to_message(&list[i]->error, &why);
}

void deploy_round_undo(struct deploy_round *round)
{
	struct error more;

	for (size_t i = 0; i < round->count; i++) {
		struct deploy *item = round->items[i];

		if (is_good(item) || item->is_back)
			continue;
		item->error.kind = ERROR_DEPLOY;
		error_clear(&more);
		if (go_back(round, item, &more) < 0)
			add_to_message(&item->error, &more);
	}
	reload_undone(round);
	for (size_t i = 0; i < round->count; i++) {
		struct deploy *item = round->items[i];

		if (is_good(item) || item->is_back)
			continue;
		item->is_back = true;
		error_clear(&more);
		if (item->hooks_ran && item->previous != 0 && run_hooks(round, item, item->previous, &more) < 0) {
			error_context(&more, "%s", live_again);
			add_to_message(&item->error, &more);
		}
	}
}

int deploy_round_reload(struct deploy_round *round, const struct deploy *item, struct error *err)
{
	struct deploy copy = *item;
	struct deploy *one = &copy;

	return load(round, &one, 1, true, err);
}
