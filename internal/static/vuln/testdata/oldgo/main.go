// Command oldgo uses modules in versions with known vulnerabilities, some of them in
// functions that it calls, others in ones that it does not.
package main

import (
	"fmt"
	"strings"

	"github.com/dgrijalva/jwt-go"
	"golang.org/x/net/html"
	"golang.org/x/text/language"
	"gopkg.in/yaml.v2"
)

func main() {
	node, err := html.Parse(strings.NewReader("<p>hello"))
	fmt.Println(node, err)
	fmt.Println(language.Parse("en"))
	var v any
	fmt.Println(yaml.Unmarshal([]byte("a: b"), &v), v)
	fmt.Println(jwt.Parse("", func(*jwt.Token) (any, error) { return nil, nil }))
}
