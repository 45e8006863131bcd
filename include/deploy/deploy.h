/* deploy.h: makes NGINX take the live generation, or puts everything back.
 *
 * deploy_apply() writes the snippet and runs the deploy hooks: the one for NGINX, then those of hooks-dir/deploy. When a step fails it
 * has put the snippet back and, where there was a previous generation, made that one live and run the hooks again so that NGINX has it.
 * deploy_undo() does the same later, when the proof failed. Where there was none before, nothing better could be served: live stays, and so
 * does a snippet that NGINX has taken; one that it has refused goes back to what it was. Does not prove: that takes a network connection.
 */
#ifndef CERTD_DEPLOY_DEPLOY_H
#define CERTD_DEPLOY_DEPLOY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct config_certificate;
struct error;
struct runner;
struct store_cert;

struct deploy {
	const struct config *config;
	const struct config_certificate *certificate;
	const struct store_cert *store;
	const struct runner *runner;
	uint64_t generation; /* being deployed; live already */
	uint64_t previous; /* to go back to; 0 for none */
	/* deploy_apply() fills these for deploy_undo(). */
	bool wrote_snippet;
	bool nginx_took; /* its hook ended well */
	int64_t reload_ms; /* what test and reload took */
	bool had_snippet;
	struct buf snippet_before;
};

void deploy_done(struct deploy *deploy);

/* What fails before anything was changed (a snippet that cannot be read, a disk that is full) leaves live and snippet to deploy_undo() all the
 * same. ERROR_DEPLOY. */
int deploy_apply(struct deploy *deploy, struct error *err);

/* *err on entry holds why it is undone; its kind becomes ERROR_DEPLOY, a failure to undo is added to its message. Always returns -1. */
int deploy_undo(struct deploy *deploy, struct error *err);

/* Only the deploy hook for NGINX, which tests its configuration and loads it anew; *deploy needs what its caller fills. */
int deploy_reload(struct deploy *deploy, struct error *err);

/* The environment of hooks for a generation of this certificate, see certd-hooks(7); extra "NAME=value" may be added by the caller. What is
 * not known (generation 0, a certificate that cannot be read) is there with an empty value. */
struct strv;
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
