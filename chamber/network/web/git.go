package web

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

// gitPath is what git asks of a repository over HTTP (gitprotocol-http(5)).
var gitPath = compiled(`^/.+/(info/refs|git-upload-pack|git-receive-pack)$`)

// git is a server for every repository: each has one commit, and takes what is
// pushed. It speaks version 0 of the protocol, to which every client falls back.
func (s *Site) git(q *request) (Response, bool) {
	m := gitPath().FindStringSubmatch(q.path)
	if m == nil {
		return Response{}, false
	}
	service := q.query.Get("service")
	var body []byte
	switch {
	case m[1] == "info/refs" && (service == "git-upload-pack" || service == "git-receive-pack") && q.reads():
		body = advertisement(service)
		return reply("git", http.StatusOK, "application/x-"+service+"-advertisement", string(body)).with("Cache-Control", "no-cache"), true
	case m[1] == "git-upload-pack" && q.Method == http.MethodPost:
		body = uploadPack(q.body)
	case m[1] == "git-receive-pack" && q.Method == http.MethodPost:
		body = receivePack(q.body)
	default:
		return Response{}, false
	}
	return reply("git", http.StatusOK, "application/x-"+m[1]+"-result", string(body)).with("Cache-Control", "no-cache"), true
}

// line is a line with its length (gitprotocol-common(5)).
func line(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

const flush = "0000"

// advertisement lists what the repository has.
func advertisement(service string) []byte {
	_, head := repository()
	first := line("# service="+service+"\n") + flush
	if service == "git-receive-pack" {
		return []byte(first + line(head+" refs/heads/main\x00report-status delete-refs ofs-delta object-format=sha1 agent=git/2.39.5\n") + flush)
	}
	return []byte(first + line(head+" HEAD\x00shallow symref=HEAD:refs/heads/main object-format=sha1 agent=git/2.39.5\n") +
		line(head+" refs/heads/main\n") + flush)
}

// uploadPack sends the commit. A client that wants it shallow is told first
// that it is as shallow as it can be.
func uploadPack(request []byte) []byte {
	var out []byte
	if bytes.Contains(request, []byte("deepen ")) {
		out = append(out, flush...)
		if !bytes.Contains(request, []byte("done\n")) {
			return out
		}
	}
	pack, _ := repository()
	return append(append(out, line("NAK\n")...), pack...)
}

// maxRefs is how many refs of a push are confirmed.
const maxRefs = 64

// receivePack says that all that was pushed is there now: lines of an old
// object, a new one and a ref, the first with what the client can do.
func receivePack(request []byte) []byte {
	out := line("unpack ok\n")
	for range maxRefs {
		if len(request) < 4 {
			break
		}
		size, err := strconv.ParseUint(string(request[:4]), 16, 16)
		if err != nil || size < 4 || int(size) > len(request) {
			break // a flush, most likely: the pack comes next
		}
		command, _, _ := strings.Cut(string(request[4:size]), "\x00")
		request = request[size:]
		if fields := strings.Fields(command); len(fields) == 3 && len(fields[2]) < 256 {
			out += line("ok " + fields[2] + "\n")
		}
	}
	return []byte(out + flush)
}

// repository is the pack of a repository with one commit (gitformat-pack(5)),
// and the name of that.
var repository = sync.OnceValues(func() (pack []byte, head string) {
	pack = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("PACK"), 2), 4) // version, objects
	object := func(kind byte, name, content string) (sum [20]byte) {
		pack = appendObject(pack, kind, content)
		return sha1.Sum([]byte(name + " " + strconv.Itoa(len(content)) + "\x00" + content))
	}
	readme := object(3, "blob", "# README\n\nRun install.sh.\n")
	script := object(3, "blob", inert.Shell)
	tree := object(2, "tree", "100644 README.md\x00"+string(readme[:])+"100755 install.sh\x00"+string(script[:]))
	who := fmt.Sprintf("maintainer <maintainer@users.noreply.github.com> %d +0000", epoch.Unix())
	commit := object(1, "commit", "tree "+hex.EncodeToString(tree[:])+"\nauthor "+who+"\ncommitter "+who+"\n\nInitial commit\n")
	sum := sha1.Sum(pack)
	return append(pack, sum[:]...), hex.EncodeToString(commit[:])
})

// appendObject writes an object: its kind and size, seven bits a byte after
// the first four, and its content compressed.
func appendObject(pack []byte, kind byte, content string) []byte {
	size := len(content)
	b := kind<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		pack = append(pack, b|0x80)
		b = byte(size & 0x7f)
	}
	pack = append(pack, b)
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write([]byte(content)) // to memory
	_ = w.Close()
	return append(pack, out.Bytes()...)
}
