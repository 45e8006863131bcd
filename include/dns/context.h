/* context.h: libunbound, set up for a few questions and asked side by side. Used within this room. */
#ifndef CERTD_DNS_CONTEXT_H
#define CERTD_DNS_CONTEXT_H

struct dns_config;
struct error;
struct ub_ctx;

/* On failure, too, *ret may have to be closed. */
int dns_context_open(const struct dns_config *config, struct ub_ctx **ret, struct error *err);
void dns_context_close(struct ub_ctx *context);

#endif
