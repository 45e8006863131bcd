/* message_part.h: the pieces that several messages have in common. Used within this room. */
#ifndef CERTD_CHANNEL_MESSAGE_PART_H
#define CERTD_CHANNEL_MESSAGE_PART_H

#include "channel/message.h"

/* An optional string, NULL when absent. Borrowed. */
int message_part_text(const json_t *json, const char *what, const char *field, const char **ret, struct error *err);

/* An optional flag, false when absent. */
int message_part_flag(const json_t *json, const char *what, const char *field, bool *ret, struct error *err);

int message_part_number(const json_t *json, const char *what, const char *field, int64_t min, int64_t max, int64_t *ret,
                        struct error *err);

json_t *message_part_strings_pack(const struct strv *strings);

/* Identifiers, read again as if a person had written them. */
json_t *message_part_names_pack(const struct ident_list *names);
int message_part_names(const json_t *json, const char *what, struct ident_list *ret, struct error *err);

json_t *message_part_limits_pack(const struct message_limits *limits);
int message_part_limits(const json_t *json, const char *what, struct message_limits *ret, struct error *err);

#endif
