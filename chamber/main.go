// detonaut-chamber runs one subject: a plan comes in on standard input, a tape
// goes out on standard output.
package main

func main() {}
