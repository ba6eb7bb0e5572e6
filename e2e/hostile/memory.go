//go:build linux

package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memoryBomb takes memory, with as many threads as there are, and uses it.
func memoryBomb() error {
	const piece = 64 << 20
	for range 4 {
		go func() {
			for {
				m, err := unix.Mmap(-1, 0, piece, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE)
				if err != nil {
					continue
				}
				for i := 0; i < len(m); i += os.Getpagesize() {
					m[i] = 1
				}
			}
		}()
	}
	stay()
	return nil
}

// pageTables maps one page at as many places as it can, each of which needs a
// table of its own in the page tables of the machine, in so many processes.
func pageTables(processes string) error {
	var more int
	if _, err := fmt.Sscan(processes, &more); err != nil {
		return fmt.Errorf("read processes: %w", err)
	}
	if more > 1 {
		if _, err := again("tables", fmt.Sprint(more-1)); err != nil {
			return err
		}
	}
	const apart, places = 2 << 20, 1 << 20 // a table covers as much
	page := uintptr(os.Getpagesize())
	fd, err := unix.MemfdCreate("page", 0)
	if err == nil {
		err = unix.Ftruncate(fd, int64(page))
	}
	if err != nil {
		return err
	}
	room, err := unix.MmapPtr(-1, 0, nil, apart*places, unix.PROT_NONE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	sum := byte(0)
	for n := range places {
		p, err := unix.MmapPtr(fd, 0, unsafe.Add(room, n*apart), page, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_FIXED)
		if err != nil {
			fmt.Println(n, "tables:", err, sum)
			break
		}
		sum += *(*byte)(p)
	}
	stay()
	return nil
}

// pipes fills as many pipes as it can have open.
func pipes() error {
	block := make([]byte, 1<<16)
	for n := 0; ; n++ {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_NONBLOCK); err != nil {
			fmt.Println(n, "pipes:", err)
			stay()
		}
		_, _ = unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, 1<<20)
		for {
			if _, err := unix.Write(p[1], block); err != nil {
				break
			}
		}
	}
}
