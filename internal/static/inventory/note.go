package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
)

// Name is the hash of all that an inventory follows from: this package, the names,
// kinds, modes and contents of the files, and the layers that they are in; hidden ones
// only if they are asked for.
func Name(in Input) (name [sha256.Size]byte) {
	h := sha256.New()
	put(h, Version, fmt.Sprint(in.Limits.orDefault()), fmt.Sprint(in.Index.Layers))
	for i := range in.Index.Entries {
		e := &in.Index.Entries[i]
		put(h, e.Path, string(e.Kind), e.LinkTarget, string(e.SHA256[:]))
		number(h, uint64(e.Mode))
		number(h, uint64(e.Layer)) //nolint:gosec // it is a position
	}
	if in.Hidden != nil {
		put(h, "hidden", fmt.Sprint(in.Index.Unlisted))
		for i := range in.Index.Hidden {
			e := &in.Index.Hidden[i]
			put(h, e.Path, string(e.Kind), string(e.SHA256[:]))
			for _, n := range []int{int(e.Mode), e.Layer, e.Since, e.Gone} {
				number(h, uint64(n)) //nolint:gosec // bits, and positions
			}
		}
	}
	h.Sum(name[:0])
	return name
}

// put hashes strings such that no other ones have the same hash.
func put(h hash.Hash, all ...string) {
	for _, s := range all {
		number(h, uint64(len(s)))
		_, _ = h.Write([]byte(s)) // a hash takes everything
	}
}

func number(h hash.Hash, n uint64) {
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, n))
}

// noted is how an inventory is written.
type noted struct {
	Inventory detonaut.Inventory `json:"inventory"`
	Problems  []Problem          `json:"problems"`
	Owned     [][]string         `json:"owned"`
	Symbols   map[int][]byte     `json:"symbols,omitempty"` // of packages, by position
}

// maxNoted bounds what a note may become, in bytes.
const maxNoted = 256 << 20

// MarshalBinary implements encoding.BinaryMarshaler.
func (i *Inventory) MarshalBinary() ([]byte, error) {
	n := noted{Inventory: i.Inventory, Problems: i.Problems, Owned: i.owned, Symbols: map[int][]byte{}}
	for at := range i.Packages {
		if s := i.Packages[at].Symbols; len(s) > 0 {
			n.Symbols[at] = s
		}
	}
	text, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode inventory: %w", err)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("encode inventory: %w", err)
	}
	defer func() { _ = w.Close() }() // it has nothing to write
	return w.EncodeAll(text, nil), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (i *Inventory) UnmarshalBinary(b []byte) error {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxNoted))
	if err != nil {
		return fmt.Errorf("decode inventory: %w", err)
	}
	defer r.Close()
	text, err := r.DecodeAll(b, nil)
	if err != nil {
		return fmt.Errorf("decode inventory: %w", err)
	}
	var n noted
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("decode inventory: %w", err)
	}
	if len(n.Owned) != len(n.Inventory.Packages) {
		return fmt.Errorf("decode inventory: %w: %d packages own the files of %d", detonaut.ErrCorrupt, len(n.Inventory.Packages), len(n.Owned))
	}
	for at, s := range n.Symbols {
		if at < 0 || at >= len(n.Inventory.Packages) {
			return fmt.Errorf("decode inventory: %w: functions of package %d", detonaut.ErrCorrupt, at)
		}
		n.Inventory.Packages[at].Symbols = s
	}
	*i = Inventory{Inventory: n.Inventory, Problems: n.Problems, owned: n.Owned}
	return nil
}
