/* check_websocket.c: whether wss:// works on the paths that have a websocket. */
#include "netproc/check.h"

#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "netproc/task.h"
#include "tls/websocket.h"

#include <stdio.h>
#include <string.h>

/* A site that has one canonical name: its pages, led there too, open the websocket there. */
static bool leads_to_https(const struct tls_websocket_seen *seen)
{
	return seen->status >= 300 && seen->status <= 399 && text_has_prefix(seen->location, "https://");
}

/* What a server that was asked for a websocket answered in its place, and what that comes from with NGINX in front. */
static void explain(const struct tls_websocket_seen *seen, struct check_words *words)
{
	static const char headers[] = "the location of this path needs `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
				      "proxy_set_header Connection \"upgrade\";`: NGINX passes neither header on by itself";

	CHECK_FORMAT(words->means, "a browser says that the WebSocket connection failed");
	switch (seen->status) {
	case 101:
		CHECK_FORMAT(words->advice, "the answer's headers are wrong (%s%s%s): see what stands between the browser and the websocket server",
		             seen->upgrade ? "" : "no Upgrade: websocket; ", seen->connection ? "" : "no Connection: upgrade; ",
		             seen->accept ? "" : "no right Sec-WebSocket-Accept");
		break;
	case 502:
	case 504:
		CHECK_FORMAT(words->means, "NGINX reaches no websocket server behind it: a browser says that the WebSocket connection failed");
		CHECK_FORMAT(words->advice, "start the websocket server, and look whether `proxy_pass` names the address and port where it listens");
		break;
	case 404:
		CHECK_FORMAT(words->advice, "no location for this path leads to the websocket server, or that server knows no such path (a `proxy_pass` "
		                            "with a path at its end changes it); if it knows it: %s",
		             headers);
		break;
	case 400:
	case 426:
	case 200:
		CHECK_FORMAT(words->means, "what answers does not see the wish for a websocket: a browser says that the WebSocket connection failed");
		CHECK_FORMAT(words->advice, "%s", headers);
		break;
	case 401:
	case 403:
		CHECK_FORMAT(words->advice, "the websocket server, or an access rule of NGINX, refuses: maybe it wants a log-in or another Origin");
		break;
	default:
		if (seen->status >= 300 && seen->status <= 399)
			CHECK_FORMAT(words->advice, "browsers do not follow a redirect of a websocket: use the URL to which it leads (%.200s)", seen->location);
		else
			CHECK_FORMAT(words->advice, "see the error logs of NGINX and of the websocket server; %s", headers);
		break;
	}
}

static int look(struct check *check, const struct check_name *name, const char *address, const char *path, struct error *err)
{
	const struct tls_websocket websocket = {
		.probe = { .address = address, .port = check->task->https_port, .server_name = name->ident->value,
		           .timeout_ms = check->task->limits.connect_ms },
		.path = path,
	};
	struct check_words words = CHECK_WORDS;
	enum check_level level = CHECK_FAILURE;
	struct tls_websocket_seen seen;
	char where[CHECK_WHERE_SIZE];
	struct error failure;

	error_clear(&failure);
	CHECK_FORMAT(words.asked, "a websocket at wss://%.253s%.300s (%s)", name->ident->value, path,
	             check_where(address, check->task->https_port, where));
	if (tls_websocket_probe(&websocket, &seen, &failure) < 0) {
		const char *colon = strstr(failure.message, ": ");

		CHECK_FORMAT(words.seen, "%.700s", colon ? colon + 2 : failure.message);
		CHECK_FORMAT(words.means, "a browser says that the WebSocket connection failed");
		CHECK_FORMAT(words.advice, "%.700s", failure.advice);
	} else {
		CHECK_FORMAT(words.seen, "%d %.60s%s%s", seen.status, seen.reason, seen.server[0] != '\0' ? ", by " : "", seen.server);
		if (tls_websocket_works(&seen)) {
			level = CHECK_OK;
			CHECK_FORMAT(words.means, "with the right Sec-WebSocket-Accept");
		} else {
			explain(&seen, &words);
			level = leads_to_https(&seen) ? CHECK_WARNING : CHECK_FAILURE;
		}
	}
	return check_add(check, name, "websocket", level, &words, err);
}

int check_websocket(struct check *check, struct error *err)
{
	const struct strv *paths = &check->task->websockets;

	for (size_t i = 0; i < check->count; i++) {
		const struct check_name *name = &check->names[i];

		for (size_t k = 0; k < name->targets_count * paths->count; k++) {
			const char *address = name->targets[k / paths->count].address;

			/* Why nothing can be had there was told. */
			if (name->ident->type != IDENT_DNS || check_find_dead(check, address, check->task->https_port))
				continue;
			if (look(check, name, address, paths->items[k % paths->count], err) < 0)
				return -1;
		}
	}
	return 0;
}
