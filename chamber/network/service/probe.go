package service

import (
	"bytes"
	"context"
	"strings"
)

// A shell that was connected to somebody else's machine says nothing until it
// is told to do something, or it begins with its prompt.

var (
	shellUser   = compiled(`uid=\d+(\([^)]*\))? gid=\d+.*`)
	shellPrompt = compiled(`^(\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\a\n]{0,256}\a)*` + // terminals: colours, titles
		`([\w.-]{1,64}[@:][^\s$#%>]{1,256} ?[$#%>] |(ba|da|z|a)?sh-[\d.]{1,12}[$#] |[$#%>] $|/[^\s$#]{0,256} [$#] $)`)
	shellBanners = [][]byte{
		[]byte("bash: cannot set terminal process group"), []byte("bash: no job control in this shell"), []byte("bash: initialize_job_control"),
		[]byte("sh: can't access tty; job control turned off"), []byte("/bin/sh: 0: can't access tty"), []byte("/bin/sh: can't access tty"),
		[]byte("Microsoft Windows [Version "), []byte("Windows PowerShell"), []byte("PS C:\\"), []byte("C:\\"), []byte("BusyBox v"),
	}
)

const maxPrompt = 512 // bytes that are looked at

// matchShell recognises the banner or the prompt of a shell.
func matchShell(head []byte) Recognition {
	for _, banner := range shellBanners {
		if bytes.HasPrefix(head, banner) {
			return Yes
		}
	}
	if shellPrompt().Match(head[:min(len(head), maxPrompt)]) {
		return Yes
	}
	for _, banner := range shellBanners {
		if bytes.HasPrefix(banner, head) {
			return More
		}
	}
	return No
}

// Probe asks a client that says nothing for its user, as a shell would answer
// it. Everything that is not a shell is left to itself.
func Probe(ctx context.Context, s *Session) error {
	return Service{Name: "shell", talk: probe}.Serve(ctx, s)
}

func probe(s *Session) error {
	if err := s.write("id\n"); err != nil {
		return err
	}
	return listenToShell(s)
}

// shell is the other end of a shell that began with its prompt.
func shell(s *Session) error {
	if err := s.await(); err != nil {
		return err
	}
	if _, err := s.Reader.Peek(1); err != nil {
		return err
	}
	prompt, err := s.Reader.Peek(min(s.Reader.Buffered(), maxField))
	if err != nil {
		return err
	}
	s.say("prompt", "text", string(prompt))
	return probe(s)
}

// listenToShell waits for the answer to id, and then records what else comes.
func listenToShell(s *Session) error {
	answered := false
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		if answered {
			if line != "" {
				s.say("output", "text", line)
			}
			continue
		}
		var answer string
		if answer, answered = shellAnswer(line); answered {
			s.say("answer", "command", "id", "answer", answer)
		}
	}
}

// shellAnswer finds what a shell answers to id: a user, or, of Windows or of an
// image without that program, that there is none.
func shellAnswer(line string) (answer string, ok bool) {
	if answer = shellUser().FindString(line); answer != "" {
		return answer, true
	}
	for _, refusal := range []string{"'id' is not recognized", "id: not found", "id: command not found", "id: inaccessible or not found"} {
		if strings.Contains(line, refusal) {
			return line, true
		}
	}
	return "", false
}
