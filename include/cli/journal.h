/* journal.h: what is logged, as records of systemd's journal with fields: see certd(8), JOURNAL. */
#ifndef CERTD_CLI_JOURNAL_H
#define CERTD_CLI_JOURNAL_H

struct log_record;
struct strv;

/* From here on, where stderr is the journal, records go there by its own protocol. */
void cli_journal_use(void);

/* The fields of a record, "NAME=value" each. -1 without memory. */
int cli_journal_fields(const struct log_record *record, struct strv *out);

#endif
