package page

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io/fs"
	"sync"
)

// style is the style sheet, for a file that has it inside.
func style() template.CSS { return styleSheet() }

// styleHash is how a policy names it.
func styleHash() string { return styleSum() }

var styleSheet = sync.OnceValue(func() template.CSS {
	b, err := fs.ReadFile(Assets(), "style.css")
	if err != nil {
		panic(err)
	}
	return template.CSS(b) //nolint:gosec // ours
})

var styleSum = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(styleSheet()))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
})
