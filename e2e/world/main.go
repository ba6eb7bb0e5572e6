//go:build linux

// World is a real internet of a few hosts, in network namespaces of its own: no
// packet of it leaves them. The end-to-end tests of live networks have detonaut
// run in the other namespace, in which that internet is all there is.
//
// It is started in new network and mount namespaces, and in a new user
// namespace by an ordinary user. It writes "ready PID" when PID is in the other
// namespace, then a line about all that comes in:
//
//	tcp ADDRESS:PORT
//	query NAME
//	request METHOD URL
//
// It ends when stdin does, and with it all that is there.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	role := exist
	if len(os.Args) == 2 && os.Args[1] == "inhabit" {
		role = inhabit
	}
	if err := role(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "world:", err)
		os.Exit(1)
	}
}

// Addresses of the two ends of the cable: a network of a home, with a router
// that is the name server too, and a public network beside it.
const (
	router  = "10.73.0.1"
	cableIn = "home" // the names of the ends
	cable   = "street"
)

var (
	cableAddrs   = []string{router + "/24", "fd73::1/64", "45.33.32.1/24"}
	cableInAddrs = []string{"10.73.0.2/24", "fd73::2/64", "45.33.32.2/24"}
	hostAddrs    = []string{
		"93.184.216.34/32", "2606:2800:220:1::34/128", "93.184.216.35/32",
		// Nobody must come to these.
		"169.254.169.254/32", "10.0.0.1/32",
	}
)

// exist makes the world and serves it.
func exist(ctx context.Context) error {
	out := &log{to: os.Stdout}
	other := exec.CommandContext(ctx, "/proc/self/exe", "inhabit")
	other.Stderr = os.Stderr
	other.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	in, err := other.StdinPipe()
	if err != nil {
		return err
	}
	said, err := other.StdoutPipe()
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return fmt.Errorf("make the other namespace: %w", err)
	}
	defer func() {
		in.Close()
		_ = other.Wait() // it has ended with its stdin
	}()
	pid := strconv.Itoa(other.Process.Pid)
	err = errors.Join(
		ip(ctx, "link", "set", "lo", "up"),
		ip(ctx, "link", "add", cable, "type", "veth", "peer", "name", cableIn, "netns", pid),
		address(ctx, cable, cableAddrs), address(ctx, "lo", hostAddrs),
		serve(ctx, out),
	)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(in, "begin\n"); err != nil {
		return err
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "done\n" {
		return fmt.Errorf("the other namespace says %q, %w", line, err)
	}
	out.line("ready %s", pid)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// inhabit is a process in the other namespace, for others to join.
func inhabit(ctx context.Context) error {
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	err := errors.Join(
		ip(ctx, "link", "set", "lo", "up"), address(ctx, cableIn, cableInAddrs),
		ip(ctx, "route", "add", "default", "via", router), ip(ctx, "route", "add", "default", "via", "fd73::1"),
		resolver(),
	)
	if err != nil {
		return err
	}
	fmt.Println("done")
	_, err = io.Copy(io.Discard, in)
	return err
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func address(ctx context.Context, link string, addrs []string) error {
	errs := []error{ip(ctx, "link", "set", link, "up")}
	for _, a := range addrs {
		args := []string{"addr", "add", a, "dev", link}
		if strings.Contains(a, ":") {
			args = append(args, "nodad")
		}
		errs = append(errs, ip(ctx, args...))
	}
	return errors.Join(errs...)
}

// resolver puts the world's name server into /etc/resolv.conf, in this mount
// namespace.
func resolver() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	f, err := os.CreateTemp("", "resolv.conf")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.WriteString(f, "nameserver "+router+"\n"); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), unix.Mount(f.Name(), "/etc/resolv.conf", "", unix.MS_BIND, "")); err != nil {
		return fmt.Errorf("bind /etc/resolv.conf: %w", err)
	}
	return nil
}
