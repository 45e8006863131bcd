/* deploy.h: makes NGINX take the live generations of one certificate or of many at once, or puts back what it does not take.
 *
 * deploy_round_apply() writes all snippets, has NGINX test and load them in one go, then runs the hooks of hooks-dir/deploy, for each certificate in
 * turn. A certificate with which NGINX's test fails is found, and the others go on without it. What fails before NGINX has loaded it is put back at once:
 * the snippet and, where there was a previous generation, that one goes live again. deploy_round_undo() does the same later, for what failed
 * behind that (a deploy hook, the proof), and has NGINX load what it had. What an interrupt kept from its hooks stays as it is, for the next run. Where there was none before, nothing better could be
 * served: live stays, and so does a snippet that NGINX has taken; one that it has refused goes back to what it was. Does not prove: that takes a
 * network connection. Never starts NGINX, and never ends it.
 */
#ifndef CERTD_DEPLOY_DEPLOY_H
#define CERTD_DEPLOY_DEPLOY_H

#include "base/buf.h"
#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_certificate;
struct nginx_conf;
struct runner;
struct store_cert;

enum { DEPLOY_STAYED_SIZE = 256 };

/* Where NGINX says how it is; "" where it is not known. */
struct deploy_watch {
	char pid_file[PATH_MAX];
	char error_log[PATH_MAX];
};

/* By its configuration; conf may be NULL. */
void deploy_watch_find(const struct nginx_conf *conf, const char *prefix, struct deploy_watch *ret);

/* One certificate. */
struct deploy {
	const struct config_certificate *certificate;
	const struct store_cert *store;
	uint64_t generation; /* being deployed; live already */
	uint64_t previous; /* to go back to; 0 for none */
	/* Why it is not deployed; ERROR_NONE (error_clear()) at first. deploy_round_apply() sets it, and so does the caller for deploy_round_undo(). Its
	 * kind becomes ERROR_DEPLOY, a failure to undo is added to its message. */
	struct error error;
	/* For deploy_round_undo(). All zero at first. */
	bool wrote_snippet;
	bool had_snippet;
	struct buf snippet_before, snippet_after;
	bool nginx_took; /* NGINX loaded it */
	bool hooks_ran; /* those of hooks-dir/deploy, to their end or not */
	bool is_back; /* the files are as they were before */
};

void deploy_done(struct deploy *deploy);

struct deploy_round {
	const struct config *config;
	const struct runner *runner;
	const struct deploy_watch *watch;
	struct deploy **items;
	size_t count;
	/* deploy_round_apply() fills these. */
	int64_t load_ms; /* what test, reload and waiting took */
	char stayed[DEPLOY_STAYED_SIZE]; /* which of NGINX's workers of before do not let go; "" for none */
};

void deploy_round_apply(struct deploy_round *round);

/* Of the items that have an error. */
void deploy_round_undo(struct deploy_round *round);

/* NGINX loads once more what there is now, told of that item's previous generation: where what is served after an undo is not what it should be. */
int deploy_round_reload(struct deploy_round *round, const struct deploy *item, struct error *err);

struct deploy_explanation {
	char text[512]; /* "" for nothing to say */
	char advice[256];
};

/* Who it is that did not show the certificate there, where that is not the NGINX that was told of it: another program, another NGINX. `server` is what it
 * calls itself in http, or "". */
void deploy_explain(const struct deploy_watch *watch, const char *address, uint16_t port, const char *server,
                    struct deploy_explanation *ret);

struct strv;

/* The environment of hooks for a generation of this certificate, see certd-hooks(7); extra "NAME=value" may be added by the caller. What is
 * not known (generation 0, a certificate that cannot be read) is there with an empty value. */
int deploy_environment(const struct config *config, const struct config_certificate *certificate,
                       const struct store_cert *store, uint64_t generation, struct strv *out, struct error *err);

/* Appends the path of the SSL snippet of that certificate. */
int deploy_snippet_path(const struct config *config, const char *certificate_name, struct buf *out, struct error *err);

/* Appends the text of the SSL snippet: of the live generation, or the placeholder when there is none. store may be NULL: there is nothing
 * of that certificate yet. */
int deploy_snippet_text(const struct config *config, const struct config_certificate *certificate,
                        const struct store_cert *store, const struct runner *runner, struct buf *out, struct error *err);

/* Before that generation goes live: takes out of the SSL snippet the second certificate, where the live one has it and that generation has not. As
 * long as the snippet names files that there are not, NGINX would not start. What is left is right for both. */
int deploy_snippet_prepare(const struct config *config, const struct config_certificate *certificate,
                           const struct store_cert *store, uint64_t generation, const struct runner *runner, struct error *err);

/* Writes a snippet as it was before; where deploy_snippet_prepare() had taken out a second certificate that the live generation has again, with it. */
int deploy_snippet_put_back(const struct config *config, const struct config_certificate *certificate,
                            const struct store_cert *store, const struct runner *runner, const struct buf *before,
                            struct error *err);

/* Writes the challenge snippet (for the webroot that is the default of all certificates), and the SSL snippet (the placeholder where nothing
 * is live; none with deploy = none), where they differ from what is there. */
int deploy_write_snippets(const struct config *config, const struct config_certificate *certificate,
                          const struct store_cert *store, const struct runner *runner, struct error *err);

#endif
