/* words.h: several words in one text, with commas between: how an option of the command line says a list. */
#ifndef CERTD_CONFIG_WORDS_H
#define CERTD_CONFIG_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_WORD_SIZE = 128 };

/* The next word, without the blanks around it, into out (cut where it does not fit). *at is the text at first, and NULL behind the last. */
bool config_words_next(const char **at, char *out, size_t size);

#endif
