/* status_table.h: what is managed, for people: a table to be read at a glance. On a terminal with a bar of what is left, colours and lines
 * that fit; in a pipe plain, a certificate's error in one line. One certificate after the other: nothing is kept of ten thousand.
 */
#ifndef CERTD_CLI_STATUS_TABLE_H
#define CERTD_CLI_STATUS_TABLE_H

#include "job/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;

struct cli_status_table {
	FILE *out;
	bool terminal;
	bool colour;
	bool blocks; /* the bar in block characters, else in ASCII */
	int columns; /* of the terminal */
	size_t counts[JOB_STATE_COUNT];
	size_t rows;
	int64_t next_at; /* the renewal that comes next, of those that are not due; 0 for none yet */
	char next_name[256];
};

/* As stdout is. No colour where NO_COLOR says so, or on a terminal that knows none. */
void cli_status_table_init(struct cli_status_table *table);

/* The head stands above the first row. hold: why the CA is not asked for it now, although it is due; NULL where it is. */
void cli_status_table_row(struct cli_status_table *table, const struct job_view *view, const struct error *hold);

/* Something more about it, below its row. */
void cli_status_table_note(const struct cli_status_table *table, const char *text);

/* One of which nothing can be read: the reason is told elsewhere. */
void cli_status_table_unreadable(struct cli_status_table *table, const char *name);

/* The summary, on a terminal. */
void cli_status_table_end(struct cli_status_table *table, int64_t now_at);

#endif
