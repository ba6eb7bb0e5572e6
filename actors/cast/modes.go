package cast

import (
	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/script"
)

// Some programs do one deed of many, which their argument names. A deed of one is an
// actor by that name.

// deed is one of program, with the rule that it is there for and others that see it.
func deed(program, name string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: name, Program: program, Run: app(name), Word: word, Rules: rules}
}

// typed is a scene of the typist, with the programs that it starts.
func typed(name string, word detonaut.Word, rules ...string) Actor {
	a := deed("typist", name, word, rules...)
	scene := script.All()[name]
	a.Extras = scene.Tools()
	return a
}
