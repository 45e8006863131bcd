#include "http/http.h"

#include "base/text.h"

#include <string.h>

void http_exchange_init(struct http_exchange *x, const struct http_request *request)
{
	memset(x, 0, sizeof(*x));
	x->request = *request;
	if (x->request.limits.body_max > HTTP_BODY_MAX)
		x->request.limits.body_max = HTTP_BODY_MAX;
	x->response.body = BUF(x->request.limits.body_max);
	x->response.links = STRV(HTTP_LINKS_MAX);
}

void http_exchange_done(struct http_exchange *x)
{
	buf_done(&x->response.body);
	strv_done(&x->response.links);
}

int http_perform_all(const struct http_client *client, struct http_exchange *const *exchanges, size_t count,
                     struct error *err)
{
	if (count == 0)
		return 0;
	return client->perform_all(client->self, exchanges, count, err);
}

int http_perform(const struct http_client *client, struct http_exchange *exchange, struct error *err)
{
	struct http_exchange *const one[] = { exchange };

	return http_perform_all(client, one, 1, err);
}

const char *http_response_link(const struct http_response *response, const char *rel)
{
	size_t len = strlen(rel);

	for (size_t i = 0; i < response->links.count; i++) {
		const char *link = response->links.items[i];

		if (text_has_prefix(link, rel) && link[len] == ' ')
			return link + len + 1;
	}
	return NULL;
}
