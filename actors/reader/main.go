// Command reader looks into places that hold other people's secrets: its argument
// says which. What it finds it forgets, and most of them are not there.
//
// Rule: credential-access/hunt, environments, process-memory, keystrokes, sniffer,
// browser-secrets, wallets or password-hashes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

var deeds = map[string]stage.Deed{
	stage.Victim: stage.Suffer,
	"hunt":       open("/root/.ssh/id_ed25519", "/root/.aws/credentials", "/root/.docker/config.json", "/root/.pgpass", "/root/.gnupg/secring.gpg"),
	"browser-secrets": open("/root/.config/google-chrome/Default/Login Data", "/root/.mozilla/firefox/a.default/logins.json",
		"/root/.config/chromium/Default/Cookies"),
	"wallets":         open("/root/.bitcoin/wallet.dat", "/root/.ethereum/keystore", "/root/.electrum/wallets/default_wallet"),
	"keystrokes":      open("/dev/input/event0", "/dev/input/event1"),
	"password-hashes": shadow,
	"environments":    others("environ"),
	"process-memory":  others("mem"),
	"sniffer":         sniff,
}

func main() { stage.Play(stage.OneOf(deeds)) }

// open looks for files.
func open(paths ...string) func(context.Context) error {
	return func(context.Context) error {
		found := 0
		for _, path := range paths {
			f, err := os.Open(path)
			if err != nil {
				continue
			}
			found++
			f.Close()
		}
		fmt.Printf("%d of %d are there\n", found, len(paths))
		return nil
	}
}

// shadow reads a file of hashes that it has made before, with none in it.
func shadow(ctx context.Context) error {
	if err := os.WriteFile("/etc/gshadow", []byte("root:*::\n"), 0o600); err != nil {
		return err
	}
	return open("/etc/gshadow")(ctx)
}

const victims = 3

// others reads a file of the kernel about each of some children of its own.
func others(what string) func(context.Context) error {
	return func(ctx context.Context) error {
		var failed error
		for range victims {
			failed = errors.Join(failed, stage.WithVictim(ctx, func(pid int) error {
				f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/" + what)
				if err != nil {
					return err
				}
				defer f.Close()
				_, _ = io.CopyN(io.Discard, f, 64) // of memory nothing is at its beginning
				return nil
			}))
		}
		return failed
	}
}

// sniff asks for all packets, and takes none.
func sniff(context.Context) error {
	const allProtocols = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in the order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, allProtocols)
	if err != nil {
		fmt.Println("not allowed:", err)
		return nil
	}
	return unix.Close(fd)
}
