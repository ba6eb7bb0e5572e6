package api

import (
	"strings"

	"github.com/detonaut/detonaut/internal/store"
)

// parse reads what people type into the search box.
func parse(text string) (store.Query, error) {
	return store.Query{Text: strings.Fields(text)}, nil
}
