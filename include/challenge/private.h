/* private.h: the methods that there are, one a file. */
#ifndef CERTD_CHALLENGE_PRIVATE_H
#define CERTD_CHALLENGE_PRIVATE_H

#include "challenge/challenge.h"

extern const struct challenge_method challenge_webroot;

#endif
