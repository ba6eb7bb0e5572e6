package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// atOnce is how many connections there are to a server.
const atOnce = 4

// serve starts a server, and has it answer count times.
func serve(once func() error, count int, command []string) (time.Duration, error) {
	server := exec.Command(command[0], command[1:]...)
	server.Stdout, server.Stderr = os.Stdout, os.Stderr
	if err := server.Start(); err != nil {
		return 0, err
	}
	elapsed, err := fetch(once, count)
	_ = server.Process.Signal(syscall.SIGQUIT) // nginx lets its clients finish
	if ended := server.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", server, ended))
	}
	return elapsed, err
}

// fetch waits until the server answers, and then asks count times.
func fetch(once func() error, count int) (time.Duration, error) {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = atOnce
	for patience := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := once(); err == nil {
			break
		} else if time.Now().After(patience) {
			return 0, err
		}
	}
	start := time.Now()
	errs := make([]error, atOnce)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for range count / atOnce {
				if errs[i] = once(); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
	return time.Since(start), errors.Join(errs...)
}
