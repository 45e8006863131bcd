/* diff.h: the difference of two texts, as `diff -u` shows it. */
#ifndef CERTD_BASE_DIFF_H
#define CERTD_BASE_DIFF_H

struct buf;
struct error;

/* Appends nothing when they are equal. Texts whose differing parts are of very many lines are shown as replaced in whole. */
int diff_unified(const char *old_name, const char *old_text, const char *new_name, const char *new_text, struct buf *out,
                 struct error *err);

#endif
