package hub

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
)

// layer is one that is kept.
type layer struct {
	digest, diff string
	body         []byte
}

// How many there are of what images share.
const (
	contents = 900 // different files
	bases    = 24
	middles  = 300
)

// pool are the layers that images share. Its first are those that everything is based on.
type pool struct {
	files  [][]byte
	layers []layer
	// These are numbers of layers: where some begin, and which others are.
	middles             int
	packaged            map[int]int // by the number of the package
	roles               map[string]int
	bomb, crowd, tricks int
}

func newPool(random *rand.Rand) (*pool, error) {
	p := &pool{packaged: map[int]int{}, roles: map[string]int{}}
	for range contents {
		p.files = append(p.files, []byte(prose(random, 10+random.IntN(150))))
	}
	for i := range bases {
		if err := p.add(p.baseFiles(random, i)); err != nil {
			return nil, err
		}
	}
	p.middles = len(p.layers)
	for i := range middles {
		if err := p.add(p.some(random, fmt.Sprintf("usr/share/doc/part-%d", i), 3+random.IntN(8))); err != nil {
			return nil, err
		}
	}
	for i, v := range planted {
		p.packaged[i] = len(p.layers)
		text := fmt.Sprintf(`{"name": %q, "version": "1.0.0", "license": "MIT"}`, v.Name)
		if err := p.add([]entry{{name: "usr/lib/node_modules/" + v.Name + "/package.json", body: []byte(text)}}); err != nil {
			return nil, err
		}
	}
	for _, r := range Roles() {
		p.roles[r.Name] = len(p.layers)
		if err := p.add(looks(r)); err != nil {
			return nil, err
		}
	}
	p.bomb = len(p.layers)
	if err := p.add([]entry{{name: "usr/share/zeros", body: make([]byte, Bounds.Unpacked+1<<20)}}); err != nil {
		return nil, err
	}
	p.crowd = len(p.layers)
	var crowd []entry
	for i := range Bounds.Entries + 1 {
		crowd = append(crowd, entry{name: fmt.Sprintf("usr/share/crowd/%d", i)})
	}
	if err := p.add(crowd); err != nil {
		return nil, err
	}
	p.tricks = len(p.layers)
	return p, p.add([]entry{
		{name: "../../escape", body: []byte("out of it")},
		{name: "/absolute", body: []byte("from the root")},
		{name: "usr/share/way", link: "../../../../../etc"},
		{name: "usr/share/way/through", body: []byte("through a link")},
		{name: "usr/share/round", link: "round"},
		{name: "usr/share/name\x1b[31m\nwith control", body: []byte("red")},
	})
}

// Bounds are what a survey of a hub has to be configured with: what is hostile in one goes over
// them, so that nobody has to unpack gigabytes to find that out.
var Bounds = struct {
	Unpacked int // bytes of an image
	Entries  int
}{16 << 20, 2000}

// looks is what an image of a role has if it cannot be run.
func looks(r Role) []entry {
	list := []entry{{name: r.Run[0][1:], mode: 0o755, body: program("the looks of " + r.Name)}}
	if r.Shell {
		list = append(list, entry{name: "bin/sh", mode: 0o755, body: program("the looks of a shell")})
	}
	return list
}

// program is one as far as anybody sees who does not run it: it has no code.
func program(text string) []byte {
	machine := elf.EM_X86_64
	if ours() == "arm64" {
		machine = elf.EM_AARCH64
	}
	const at, head, part = 0x400000, 64, 56
	size := uint64(head + part + len(text))
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Entry: at + head + part, Phoff: head, Ehsize: head, Phentsize: part, Phnum: 1,
	}
	load := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: at, Paddr: at, Filesz: size, Memsz: size, Align: 4096,
	}
	b, _ := binary.Append(nil, binary.LittleEndian, h) // of fixed size
	b, _ = binary.Append(b, binary.LittleEndian, load)
	return append(b, text...)
}

func (p *pool) base(random *rand.Rand) int { return skewed(random, bases) }

func (p *pool) middle(random *rand.Rand) int { return p.middles + skewed(random, middles) }

// packages draws which packages are in an image.
func (p *pool) packages(random *rand.Rand) (list []int) {
	for i, v := range planted {
		if random.IntN(100) < v.Of {
			list = append(list, i)
		}
	}
	return list
}

// skewed draws a number below n: small ones often, large ones hardly ever.
func skewed(random *rand.Rand, n int) int {
	f := random.Float64()
	return int(float64(n) * f * f * f)
}

func (p *pool) baseFiles(random *rand.Rand, i int) []entry {
	release := fmt.Sprintf("ID=hublinux\nVERSION_ID=%d\nPRETTY_NAME=\"Hub Linux %d\"\n", i, i)
	list := []entry{
		{name: "bin/", mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "root/", mode: 0o700},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/", mode: 0o755},
		{name: "usr/local/", mode: 0o755},
		{name: "usr/local/bin/", mode: 0o755},
		{name: "etc/group", body: []byte("root:x:0:\n")},
		{name: "etc/passwd", body: []byte("root:x:0:0:root:/root:/bin/sh\n")},
		{name: "etc/os-release", body: []byte(release)},
	}
	return append(list, p.some(random, fmt.Sprintf("usr/share/base-%d", i), 20)...)
}

// some are files of the pool.
func (p *pool) some(random *rand.Rand, dir string, n int) (list []entry) {
	for i := range n {
		list = append(list, entry{name: fmt.Sprintf("%s/%d.txt", dir, i), body: p.files[skewed(random, len(p.files))]})
	}
	return list
}

func (p *pool) add(files []entry) error {
	l, err := pack(files)
	if err != nil {
		return err
	}
	p.layers = append(p.layers, l)
	return nil
}

// entry is one of a layer: a directory if its name ends so, a symbolic link if it has one.
type entry struct {
	name string
	mode int64
	body []byte
	link string
}

// pack makes a layer.
func pack(files []entry) (layer, error) {
	var plain, packed bytes.Buffer
	tw := tar.NewWriter(&plain)
	for _, f := range files {
		head := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), ModTime: today, Typeflag: tar.TypeReg}
		if head.Mode == 0 {
			head.Mode = 0o644
		}
		switch {
		case strings.HasSuffix(f.name, "/"):
			head.Typeflag = tar.TypeDir
		case f.link != "":
			head.Typeflag, head.Linkname = tar.TypeSymlink, f.link
		}
		if err := tw.WriteHeader(head); err != nil {
			return layer{}, fmt.Errorf("pack %q: %w", f.name, err)
		}
		if _, err := tw.Write(f.body); err != nil {
			return layer{}, fmt.Errorf("pack %q: %w", f.name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return layer{}, fmt.Errorf("pack: %w", err)
	}
	zw, _ := packers.Get().(*gzip.Writer)
	defer packers.Put(zw)
	zw.Reset(&packed)
	if _, err := zw.Write(plain.Bytes()); err != nil {
		return layer{}, fmt.Errorf("pack: %w", err)
	}
	if err := zw.Close(); err != nil {
		return layer{}, fmt.Errorf("pack: %w", err)
	}
	return layer{digest: digestOf(packed.Bytes()), diff: digestOf(plain.Bytes()), body: packed.Bytes()}, nil
}

// packers are kept: each has a megabyte.
var packers = sync.Pool{New: func() any {
	zw, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // which is a level
	return zw
}}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// prose are words, in which nothing can be found.
func prose(random *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(words[random.IntN(len(words))])
		if i%12 == 11 {
			b.WriteByte('\n')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// ownLayer is that which an image has alone.
func (h *Hub) ownLayer(d *design) (layer, error) {
	random := rand.New(rand.NewPCG(d.seed, 2))
	list := []entry{{name: "srv/app/build.txt", body: fmt.Appendf(nil, "build %d %x\n%s\n", d.number, d.seed, prose(random, 20))}}
	list = append(list, h.pool.some(random, "srv/app/static", random.IntN(4))...)
	if d.Secret {
		list = append(list, entry{name: "srv/app/settings.ini", body: []byte("[default]\naws_access_key_id = " + accessKey(random) + "\n")})
	}
	return pack(list)
}

// accessKey has the form of a key of AWS, and is none.
func accessKey(random *rand.Rand) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := []byte("AKIA")
	for range 16 {
		b = append(b, letters[random.IntN(len(letters))])
	}
	return string(b)
}
