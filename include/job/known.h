/* known.h: what a look at a generation found, as the store's index keeps it. Used within this room. */
#ifndef CERTD_JOB_KNOWN_H
#define CERTD_JOB_KNOWN_H

#include <stdbool.h>

struct job_survey;
struct store_cert;
struct store_stamp;

/* Whether the generation with that stamp was looked at before: then its names and the facts of its certificates are set as they were found. */
bool job_known_recall(const struct store_cert *store_cert, const struct store_stamp *stamp, struct job_survey *survey);

/* Only of one whose keys and certificates were read and belong together. */
void job_known_keep(const struct store_cert *store_cert, const struct store_stamp *stamp, const struct job_survey *survey);

#endif
