package cassette

import "sync"

// exchanges are the HTTP of a cassette.
type exchanges struct {
	mu sync.Mutex
	// byURL has all to one method and URL, byBody those with one body as well.
	byURL, byBody map[string]*queue
}

// A queue is exchanges in the order of recording. An exchange is in two queues:
// what one has played the other passes over.
type queue struct {
	all  []*exchange
	next int // all before it were played
}

type exchange struct {
	response Response
	played   bool
}

func newExchanges() *exchanges {
	return &exchanges{byURL: map[string]*queue{}, byBody: map[string]*queue{}}
}

// Neither a method nor a hash has a space in it.
func urlKey(method, url string) string        { return method + " " + url }
func bodyKey(method, url, hash string) string { return hash + " " + urlKey(method, url) }

func (x *exchanges) add(h *httpEntry) error {
	if err := h.check(); err != nil {
		return err
	}
	e := &exchange{response: Response{Status: h.Status, Version: h.Version, Header: h.Header, Body: h.Body, Cut: h.Cut}}
	push(x.byURL, urlKey(h.Method, h.URL), e)
	push(x.byBody, bodyKey(h.Method, h.URL, h.Request), e)
	return nil
}

func push(queues map[string]*queue, key string, e *exchange) {
	q, ok := queues[key]
	if !ok {
		q = new(queue)
		queues[key] = q
	}
	q.all = append(q.all, e)
}

func (x *exchanges) next(method, url, hash string) (Response, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	q, ok := x.byBody[bodyKey(method, url, hash)]
	if !ok {
		q, ok = x.byURL[urlKey(method, url)]
	}
	if !ok {
		return Response{}, false
	}
	return q.take().response, true
}

// take returns the first that was not played, or else the last.
func (q *queue) take() *exchange {
	for q.next < len(q.all) && q.all[q.next].played {
		q.next++
	}
	e := q.all[min(q.next, len(q.all)-1)]
	e.played = true
	return e
}
