/* scan.h: makes the text of a file ready for libConfuse, and finds what libConfuse would misread without a word.
 *
 * libConfuse ends at the first error, takes a comment within a list for a value, drops characters that it does not know (`*` of a bare
 * wildcard), reads an unset ${VARIABLE} as nothing, ends a string at an escaped NUL, and cannot have `ca = "x"` and `ca "x" { }` side by
 * side. So the text is read here once: all of this is told with its line, statements that libConfuse does not know are told and
 * blanked, comments are blanked, and the blocks' places are noted. Lines stay where they are.
 */
#ifndef CERTD_CONFIG_SCAN_H
#define CERTD_CONFIG_SCAN_H

#include "config/raw.h"

/* The name under which libConfuse knows a `ca` block; as long as "ca", and nothing that a file can say. */
#define CONFIG_SCAN_CA "c\001"

/* Adds a block to raw for the file, and one for each block in it, with places and without titles and values. `text` is changed as
 * said above and must end in a NUL behind len. 0: all is well, or all that is wrong was blanked (problems->count tells). -1: the text
 * cannot be read further. */
int config_scan(struct config_raw *raw, const char *file, char *text, size_t len, struct config_problems *problems);

#endif
