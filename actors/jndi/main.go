// Command jndi looks an object up in a directory elsewhere, as a Java program
// does that was told to by a message in its log. It does nothing with what it is
// told.
//
// Rule: execution/jndi-lookup.
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

// What JNDI says (RFC 4511): an anonymous bind, and a search at an entry whose
// name is the path of a URL, "Object", for anything.
const (
	bind   = "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"
	search = "\x30\x2b\x02\x01\x02\x63\x26\x04\x06Object\x0a\x01\x00\x0a\x01\x03\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x00"
)

func main() { stage.Play(lookUp) }

func lookUp(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", wire.Stranger+":1389")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	answer := make([]byte, 4<<10)
	for _, text := range []string{bind, search} {
		if _, err := conn.Write([]byte(text)); err != nil {
			return err
		}
		n, err := conn.Read(answer)
		if err != nil {
			return err
		}
		fmt.Printf("%q\n", answer[:n])
	}
	return nil
}
