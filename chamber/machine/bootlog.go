package machine

import (
	"fmt"
	"strings"
)

// Log is what the kernel wrote when the machine started, as syslog(2) gives it;
// empty where no kernel is shown.
func (f *Face) Log() string {
	if f.Release == "" {
		return ""
	}
	vendor, product, processor, memory := f.Vendor, f.Product, f.Processor, f.Memory
	if vendor == "" && product == "" {
		vendor, product = "QEMU", "Standard PC (Q35 + ICH9, 2009)"
	}
	if processor == "" {
		processor = "Intel Xeon Processor"
	}
	if memory == 0 {
		memory = 8 << 30
	}
	var b strings.Builder
	say := func(level int, at float64, format string, args ...any) {
		fmt.Fprintf(&b, "<%d>[%12.6f] %s\n", level, at, fmt.Sprintf(format, args...))
	}
	say(5, 0, "%s", strings.TrimSpace(f.version("", 0)))
	say(6, 0, "Command line: %s", f.bootLine())
	say(6, 0, "BIOS-provided physical RAM map:")
	say(6, 0, "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable")
	say(6, 0, "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved")
	say(6, 0, "BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved")
	say(6, 0, "BIOS-e820: [mem 0x0000000000100000-0x00000000bffe9fff] usable")
	say(6, 0, "BIOS-e820: [mem 0x00000000e0000000-0x00000000e03fffff] reserved")
	say(6, 0, "BIOS-e820: [mem 0x0000000100000000-0x%016x] usable", memory+1<<30-1)
	say(6, 0, "NX (Execute Disable) protection: active")
	say(6, 0, "SMBIOS 2.7 present.")
	say(6, 0, "DMI: %s %s/, BIOS 1.0 10/16/2017", vendor, product)
	say(6, 0, "Hypervisor detected: KVM")
	say(6, 0, "kvm-clock: Using msrs 4b564d01 and 4b564d00")
	say(6, 0.000002, "kvm-clock: using sched offset of 6178211512 cycles")
	say(6, 0.000004, "clocksource: kvm-clock: mask: 0xffffffffffffffff max_cycles: 0x1cd42e4dffb, max_idle_ns: 881590591483 ns")
	if mhz := nominal(f.Processor); mhz > 0 {
		say(6, 0.000008, "tsc: Detected %.3f MHz processor", mhz-0.002)
	}
	say(6, 0.011093, "ACPI: Early table checksum verification disabled")
	say(6, 0.022307, "smpboot: Allowing %d CPUs, 0 hotplug CPUs", max(f.Processors, 1))
	say(6, 0.049126, "Memory: %dK/%dK available (14342K kernel code, 2332K rwdata, 8752K rodata, 2796K init, 4404K bss, %dK reserved, 0K cma-reserved)",
		f.RAM()/1024, memory/1024, (uint64(memory)-f.RAM())/1024)
	say(6, 0.108013, "smpboot: CPU0: %s", processor)
	say(6, 0.120121, "smp: Brought up 1 node, %d CPU%s", max(f.Processors, 1), plural(f.Processors))
	say(6, 0.671810, "Freeing unused kernel image (initmem) memory: 2796K")
	say(6, 0.711326, "Run /init as init process")
	disk := "nvme0n1"
	if strings.HasPrefix(vendor, "Amazon") {
		say(6, 1.032744, "nvme nvme0: pci function 0000:00:04.0")
		say(6, 1.040175, "ena 0000:00:05.0: Elastic Network Adapter (ENA) found at mem 80400000, mac addr 06:1f:8d:70:2b:5d")
	} else {
		disk = "vda"
		say(6, 1.032744, "virtio_blk virtio1: [vda] 62914560 512-byte logical blocks (32.2 GB/30.0 GiB)")
	}
	say(6, 1.048811, " %s: p1 p14 p15", disk)
	say(6, 1.913370, "EXT4-fs (%sp1): mounted filesystem with ordered data mode. Quota mode: none.", disk)
	say(5, 2.480240, "systemd[1]: Detected architecture x86-64.")
	say(6, 11.702586, "bridge: filtering via arp/ip/ip6tables is no longer available by default. Update your scripts to load br_netfilter if you need this.")
	say(6, 11.921036, "docker0: port 1(veth9b0f2d1) entered blocking state")
	say(6, 11.921041, "docker0: port 1(veth9b0f2d1) entered forwarding state")
	return b.String()
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
