package imagetest

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/txtar"
)

// FromTxtar makes an image from a text such as
//
//	PLATFORM linux/amd64
//	ENTRYPOINT ["/bin/app"]
//	CMD ["-v"]
//	ENV A=b
//	USER 1000:1000
//	WORKDIR /srv
//	EXPOSE 80/tcp
//	VOLUME /data
//	LABEL a=b
//	STOPSIGNAL SIGTERM
//	HEALTHCHECK ["CMD", "/bin/app", "--check"]
//	ONBUILD RUN make
//	-- /etc/passwd 0644 0:0 --
//	root:x:0:0::/:/bin/sh
//	-- /srv/ 0700 1000:1000 --
//	-- /bin/app 4755 user.mark=x --
//	...
//	-- /bin/sh -> busybox --
//	-- /bin/cp => /bin/app --
//	-- /dev/null c 1:3 --
//	-- LAYER zstd --
//	-- whiteout /etc/passwd --
//	-- opaque /srv --
//
// ENTRYPOINT and CMD take a JSON list, or words that "/bin/sh -c" runs, as in
// a Dockerfile. Each LAYER line begins another layer, gzip unless it says zstd
// or plain; the first may be left out. A name that ends in / is a directory,
// "->" makes a symlink, "=>" a hard link, c and b are devices. Mode (octal),
// uid:gid and xattrs may follow in any order; files are 0644 and directories
// 0755 otherwise. Parents are not made: a layer holds what it says. Names keep
// what is odd about them, apart from one leading slash.
func FromTxtar(text string) (v1.Image, error) {
	a := txtar.Parse([]byte(text))
	c, platform, err := parseHead(string(a.Comment))
	if err != nil {
		return nil, fmt.Errorf("parse image text: %w", err)
	}
	var layers []v1.Layer
	for _, part := range splitLayers(a.Files) {
		var files []File
		for _, f := range part.files {
			file, err := parseFile(f)
			if err != nil {
				return nil, fmt.Errorf("parse image text: file %q: %w", f.Name, err)
			}
			files = append(files, file)
		}
		layer, err := Layer(files, part.compression)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return New(c, platform, layers...)
}

type layerText struct {
	compression Compression
	files       []txtar.File
}

func splitLayers(files []txtar.File) []layerText {
	var layers []layerText
	for i, f := range files {
		word, c, _ := strings.Cut(f.Name, " ")
		switch {
		case word == "LAYER" && c == "":
			layers = append(layers, layerText{compression: Gzip})
		case word == "LAYER":
			layers = append(layers, layerText{compression: Compression(c)})
		case i == 0:
			layers = append(layers, layerText{compression: Gzip, files: []txtar.File{f}})
		default:
			last := &layers[len(layers)-1]
			last.files = append(last.files, f)
		}
	}
	return layers
}

func parseHead(head string) (c v1.Config, p v1.Platform, err error) {
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if err := parseInstruction(&c, &p, word, rest); err != nil {
			return c, p, fmt.Errorf("%s: %w", word, err)
		}
	}
	return c, p, nil
}

func parseInstruction(c *v1.Config, p *v1.Platform, word, rest string) (err error) {
	switch word {
	case "PLATFORM":
		var platform *v1.Platform
		if platform, err = v1.ParsePlatform(rest); err == nil {
			*p = *platform
		}
	case "ENTRYPOINT":
		c.Entrypoint, err = parseCommand(rest)
	case "CMD":
		c.Cmd, err = parseCommand(rest)
	case "ENV":
		c.Env = append(c.Env, rest)
	case "USER":
		c.User = rest
	case "WORKDIR":
		c.WorkingDir = rest
	case "STOPSIGNAL":
		c.StopSignal = rest
	case "HEALTHCHECK":
		c.Healthcheck = new(v1.HealthConfig)
		c.Healthcheck.Test, err = parseCommand(rest)
	case "ONBUILD":
		c.OnBuild = append(c.OnBuild, rest)
	case "EXPOSE":
		put(&c.ExposedPorts, rest, struct{}{})
	case "VOLUME":
		put(&c.Volumes, rest, struct{}{})
	case "LABEL":
		key, value, _ := strings.Cut(rest, "=")
		put(&c.Labels, key, value)
	default:
		err = errors.New("unknown instruction")
	}
	return err
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

func parseCommand(s string) ([]string, error) {
	if !strings.HasPrefix(s, "[") {
		return []string{"/bin/sh", "-c", s}, nil
	}
	var words []string
	err := json.Unmarshal([]byte(s), &words)
	return words, err
}

func parseFile(f txtar.File) (File, error) {
	words := strings.Fields(f.Name)
	if len(words) == 0 {
		return File{}, errors.New("no name")
	}
	if len(words) == 2 && (words[0] == "whiteout" || words[0] == "opaque") {
		return whiteout(words[0], words[1]), nil
	}
	file := File{Header: tar.Header{Name: strings.TrimPrefix(words[0], "/"), Mode: 0o644}, Body: f.Data}
	if strings.HasSuffix(file.Name, "/") {
		file.Typeflag, file.Mode = tar.TypeDir, 0o755
	}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; word {
		case "->", "=>", "c", "b":
			if i++; i == len(words) {
				return File{}, fmt.Errorf("nothing after %q", word)
			}
			if err := parseSpecial(&file.Header, word, words[i]); err != nil {
				return File{}, err
			}
		default:
			if err := parseAttribute(&file.Header, word); err != nil {
				return File{}, err
			}
		}
	}
	return file, nil
}

func whiteout(word, target string) File {
	target = strings.TrimPrefix(target, "/")
	name := path.Join(target, ".wh..wh..opq")
	if word == "whiteout" {
		name = path.Join(path.Dir(target), ".wh."+path.Base(target))
	}
	return File{Header: tar.Header{Name: name}}
}

func parseSpecial(h *tar.Header, word, arg string) error {
	switch word {
	case "->":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, arg, 0o777
		return nil
	case "=>":
		h.Typeflag, h.Linkname = tar.TypeLink, strings.TrimPrefix(arg, "/")
		return nil
	}
	h.Typeflag = tar.TypeChar
	if word == "b" {
		h.Typeflag = tar.TypeBlock
	}
	_, err := fmt.Sscanf(arg, "%d:%d", &h.Devmajor, &h.Devminor)
	return err
}

func parseAttribute(h *tar.Header, word string) error {
	if key, value, ok := strings.Cut(word, "="); ok {
		put(&h.PAXRecords, "SCHILY.xattr."+key, value)
		return nil
	}
	if uid, gid, ok := strings.Cut(word, ":"); ok {
		var errUID, errGID error
		h.Uid, errUID = strconv.Atoi(uid)
		h.Gid, errGID = strconv.Atoi(gid)
		return errors.Join(errUID, errGID)
	}
	mode, err := strconv.ParseInt(word, 8, 32)
	h.Mode = mode
	return err
}
