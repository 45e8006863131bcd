#include "channel/message_part.h"

#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

static const char renewal_what[] = "renewal task";
static const char window_what[] = "a window";

static const char *const answer_names[MESSAGE_ANSWER_COUNT] = {
	[MESSAGE_WINDOW] = "window",
	[MESSAGE_TEMPORARY] = "temporary",
	[MESSAGE_LASTING] = "lasting",
	[MESSAGE_UNSUPPORTED] = "unsupported",
};

json_t *message_renewal_pack(const struct message_renewal *message)
{
	return json_pack("{s:s, s:o, s:o}", "directory", message->directory_url, "ids",
	                 message_part_strings_pack(&message->ids), "limits", message_part_limits_pack(&message->limits));
}

int message_renewal_read(const json_t *json, struct message_renewal *ret, struct error *err)
{
	struct message_renewal m = { .ids = STRV(MESSAGE_RENEWAL_MAX) };

	if (json_need_string(json, renewal_what, "directory", &m.directory_url, err) < 0 ||
	    message_part_limits(json, renewal_what, &m.limits, err) < 0)
		return -1;
	if (json_field_strings(json, renewal_what, "ids", &m.ids, err) < 0) {
		strv_done(&m.ids);
		return -1;
	}
	*ret = m;
	return 0;
}

void message_renewal_done(struct message_renewal *message)
{
	strv_done(&message->ids);
}

json_t *message_window_pack(const struct message_window *window)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "answer", answer_names[window->answer], "start_at",
	                 (json_int_t)window->start_at, "end_at", (json_int_t)window->end_at, "retry_at",
	                 (json_int_t)window->retry_at, "explanation", window->explanation_url, "reason", window->reason);
}

int message_window_read(const json_t *json, struct message_window *ret, struct error *err)
{
	struct message_window m = { .answer = MESSAGE_ANSWER_COUNT };
	const char *answer;

	if (json_need_string(json, window_what, "answer", &answer, err) < 0 ||
	    json_need_int(json, window_what, "start_at", &m.start_at, err) < 0 ||
	    json_need_int(json, window_what, "end_at", &m.end_at, err) < 0 ||
	    json_need_int(json, window_what, "retry_at", &m.retry_at, err) < 0 ||
	    json_need_string(json, window_what, "explanation", &m.explanation_url, err) < 0 ||
	    json_need_string(json, window_what, "reason", &m.reason, err) < 0)
		return -1;
	for (int i = 0; i < MESSAGE_ANSWER_COUNT; i++) {
		if (text_equal(answer, answer_names[i]))
			m.answer = (enum message_answer)i;
	}
	if (m.answer == MESSAGE_ANSWER_COUNT)
		return error_set(err, ERROR_PROTOCOL, "%s: .answer is none that there is", window_what);
	*ret = m;
	return 0;
}
