/* metrics.h: what a monitor wants to know of all certificates, in Prometheus' text format, in a file for node_exporter's textfile collector.
 *
 * Reads what `certd status` reads; opens no port. Every certificate of the configuration is looked at, so a process that does one of many
 * leaves the writing to the one that started it.
 */
#ifndef CERTD_JOB_METRICS_H
#define CERTD_JOB_METRICS_H

#include <stdint.h>

struct buf;
struct config;
struct error;
struct store;

enum { JOB_METRICS_MAX = 256 * 1024 * 1024 }; /* octets of the file: for a hundred thousand certificates */

/* Appends the whole text. store may be NULL: there is none yet. */
int job_metrics_print(const struct config *config, const struct store *store, int64_t now_at, struct buf *out, struct error *err);

/* Replaces `metrics-file`, complete or not at all, readable by everybody. Nothing to do where the configuration names none. */
int job_metrics_write(const struct config *config, int64_t now_at, struct error *err);

/* The same, with a warning in the log in place of an error: the certificates are what counts. */
void job_metrics_update(const struct config *config, int64_t now_at);

#endif
