package machine

import (
	"fmt"
	"strconv"
	"strings"
)

// RAM is what of the memory the kernel shows, in bytes: a part it keeps for itself.
// 0 leaves gVisor's.
func (f *Face) RAM() uint64 {
	const page = 4096
	return uint64(f.Memory) / 256 * 243 / page * page
}

// A machine that has been up for some days holds so much in files and buffers, and
// its own services so much, in 256ths of all.
const (
	cachedShare   = 96
	buffersShare  = 4
	servicesShare = 12
)

// Free is how much is shown as free of RAM when the sandbox uses so much, in bytes.
func (f *Face) Free(used uint64) uint64 {
	ram := f.RAM()
	rest := ram / 256 * (256 - cachedShare - buffersShare - servicesShare)
	return max(rest-min(used, rest), ram/64)
}

// Buffers is how much is shown to be in buffers, in bytes.
func (f *Face) Buffers() uint64 { return f.RAM() / 256 * buffersShare }

// memory shows RAM of which the sandbox uses what gVisor says.
func (f *Face) memory(old string, _ int32) string {
	if f.Memory == 0 {
		return old
	}
	own := make(map[string]uint64)
	for line := range strings.Lines(old) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			n, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			own[key] = min(n, 1<<40) // far beyond any machine, and far from an overflow
		}
	}
	var b strings.Builder
	for _, row := range f.rows(own) {
		fmt.Fprintf(&b, "%-15s %8d kB\n", row.key+":", row.kB)
	}
	for _, pool := range []string{"Total", "Free", "Rsvd", "Surp"} {
		fmt.Fprintf(&b, "%-15s %8d\n", "HugePages_"+pool+":", 0)
	}
	fmt.Fprintf(&b, "%-15s %8d kB\n%-15s %8d kB\n", "Hugepagesize:", 2048, "Hugetlb:", 0)
	fmt.Fprintf(&b, "%-15s %8d kB\n%-15s %8d kB\n", "DirectMap4k:", 188256, "DirectMap2M:", max(f.Memory/1024-188256, 0)&^2047)
	return b.String()
}

// A row is a line of /proc/meminfo.
type row struct {
	key string
	kB  uint64
}

// rows are those of Linux 6.1, in its order; own are gVisor's, in kB.
func (f *Face) rows(own map[string]uint64) []row {
	ram := f.RAM() / 1024
	used := own["MemTotal"] - min(own["MemFree"], own["MemTotal"])
	free := f.Free(used*1024) / 1024
	buffers, cached, services := ram/256*buffersShare, ram/256*cachedShare+own["Cached"], ram/256*servicesShare
	anon, shmem := own["AnonPages"]+services/2, own["Shmem"]+1032
	active, inactive := cached/4, cached/4*3
	return []row{
		{"MemTotal", ram},
		{"MemFree", free},
		{"MemAvailable", free + (cached+buffers)/16*15},
		{"Buffers", buffers},
		{"Cached", cached},
		{"SwapCached", 0},
		{"Active", active + anon/16},
		{"Inactive", inactive + anon},
		{"Active(anon)", anon / 16},
		{"Inactive(anon)", anon},
		{"Active(file)", active},
		{"Inactive(file)", inactive},
		{"Unevictable", 0},
		{"Mlocked", 0},
		{"SwapTotal", 0},
		{"SwapFree", 0},
		{"Zswap", 0},
		{"Zswapped", 0},
		{"Dirty", own["Dirty"] + 124},
		{"Writeback", own["Writeback"]},
		{"AnonPages", anon},
		{"Mapped", own["Mapped"] + services/4},
		{"Shmem", shmem},
		{"KReclaimable", ram / 64},
		{"Slab", ram / 48},
		{"SReclaimable", ram / 64},
		{"SUnreclaim", ram/48 - ram/64},
		{"KernelStack", 3216},
		{"PageTables", 5564},
		{"SecPageTables", 0},
		{"NFS_Unstable", 0},
		{"Bounce", 0},
		{"WritebackTmp", 0},
		{"CommitLimit", ram / 2},
		{"Committed_AS", 2 * anon},
		{"VmallocTotal", 34359738367},
		{"VmallocUsed", 16620},
		{"VmallocChunk", 0},
		{"Percpu", 1984},
		{"HardwareCorrupted", 0},
		{"AnonHugePages", 0},
		{"ShmemHugePages", 0},
		{"ShmemPmdMapped", 0},
		{"FileHugePages", 0},
		{"FilePmdMapped", 0},
	}
}
