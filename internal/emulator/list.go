package emulator

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/pattern"
)

// pageToken names a record by its place in the order of creation: PT starts the page after it, PB ends the page before
// it. So a record that is deleted between two pages does not shift the others.
var pageToken = pattern.Lazy(`^(PT|PB)([0-9a-f]{32})$`)

type metaJSON struct {
	Page            int     `json:"page"`
	PageSize        int     `json:"page_size"`
	FirstPageURL    string  `json:"first_page_url"`
	PreviousPageURL *string `json:"previous_page_url"`
	URL             string  `json:"url"`
	NextPageURL     *string `json:"next_page_url"`
	Key             string  `json:"key"`
}

// list returns one page of items in Twilio's list shape (docs/facts/twilio-verify.md §1.1), newest first if descending.
func list[T interface{ position() int64 }](c *call, key string, items []T, descending bool, shape func(T) any) (any, error) {
	size, err := c.integer("PageSize", 1, 1000, 50)
	if err != nil {
		return nil, err
	}
	number, err := c.integer("Page", 0, math.MaxInt32, 0)
	if err != nil {
		return nil, err
	}
	items = slices.SortedFunc(slices.Values(items), func(a, b T) int {
		if descending {
			a, b = b, a
		}
		return int(a.position() - b.position())
	})
	from, err := pageStart(c.query.Get("PageToken"), items, descending, number, size)
	if err != nil {
		return nil, err
	}
	to := min(from+size, len(items))

	shapes := make([]any, 0, to-from)
	for _, item := range items[from:to] {
		shapes = append(shapes, shape(item))
	}
	meta := metaJSON{
		Page: number, PageSize: size, Key: key,
		FirstPageURL: c.pageURL(size, 0, ""), URL: c.pageURL(size, number, c.query.Get("PageToken")),
	}
	if to < len(items) && to > 0 {
		next := c.pageURL(size, number+1, fmt.Sprintf("PT%032x", items[to-1].position()))
		meta.NextPageURL = &next
	}
	if from > 0 && from < len(items) {
		previous := c.pageURL(size, max(number-1, 0), fmt.Sprintf("PB%032x", items[from].position()))
		meta.PreviousPageURL = &previous
	}
	return map[string]any{key: shapes, "meta": meta}, nil
}

// pageStart returns the index of a page's first item: by the token, or without one by the page's number.
func pageStart[T interface{ position() int64 }](token string, items []T, descending bool, number, size int) (int, error) {
	if token == "" {
		return min(number*size, len(items)), nil
	}
	parts := pageToken().FindStringSubmatch(token)
	if parts == nil {
		return 0, refuse(60306, "PageToken")
	}
	at, err := strconv.ParseInt(parts[2], 16, 64)
	if err != nil {
		return 0, refuse(60306, "PageToken")
	}
	// passed is the number of items before the token's place: the item that the token names counts for PT, not for PB.
	passed := 0
	for _, item := range items {
		p := item.position()
		if before := p < at != descending && p != at; before || p == at && parts[1] == "PT" {
			passed++
		}
	}
	if parts[1] == "PB" {
		return max(passed-size, 0), nil
	}
	return passed, nil
}

// pageURL returns the URL of a page of the list that is asked for, with the same filters.
func (c *call) pageURL(size, number int, token string) string {
	var query []string
	for _, filter := range []string{"FactorSid", "Status", "Order"} {
		if c.query.Has(filter) {
			query = append(query, filter+"="+url.QueryEscape(c.query.Get(filter)))
		}
	}
	query = append(query, fmt.Sprintf("PageSize=%d&Page=%d", size, number))
	if token != "" {
		query = append(query, "PageToken="+url.QueryEscape(token))
	}
	return base + strings.TrimSuffix(c.path, "/") + "?" + strings.Join(query, "&")
}
