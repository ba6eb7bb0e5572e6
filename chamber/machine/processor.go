package machine

import (
	"fmt"
	"strconv"
	"strings"
)

// processors shows the model of every processor; the instructions that they know
// are left as they are, for programs choose their code by them.
func (f *Face) processors(old string, _ int32) string {
	if f.Processor == "" {
		return old
	}
	shown := modelOf(f.Processor)
	return lines(old, func(line string) (string, bool) {
		key, _, ok := strings.Cut(line, ":")
		if !ok {
			return line, true
		}
		value := shown[strings.TrimSpace(key)]
		if value == "" {
			return line, true
		}
		line = key + ": " + value
		if code := shown["microcode"]; code != "" && strings.HasPrefix(key, "stepping") {
			line += "\nmicrocode\t: " + code
		}
		return line, true
	})
}

// modelOf returns the fields of /proc/cpuinfo that follow from the name of a
// model. The numbers are those that Linux shows on the processors of clouds.
func modelOf(name string) map[string]string {
	fields := map[string]string{"model name": name}
	set := func(vendor, family, model, stepping, microcode, cache string) {
		for key, value := range map[string]string{
			"vendor_id": vendor, "cpu family": family, "model": model, "stepping": stepping, "microcode": microcode, "cache size": cache,
		} {
			fields[key] = value
		}
	}
	switch {
	case strings.Contains(name, "Intel") && strings.Contains(name, "Platinum 8375C"):
		set("GenuineIntel", "6", "106", "6", "0xd0003d1", "55296 KB")
	case strings.Contains(name, "Intel"): // Cascade Lake
		set("GenuineIntel", "6", "85", "7", "0x5003801", "36608 KB")
	case strings.Contains(name, "EPYC 7R13"):
		set("AuthenticAMD", "25", "1", "1", "0xa0011d1", "512 KB")
	case strings.Contains(name, "AMD"): // Rome
		set("AuthenticAMD", "23", "49", "0", "0x8301055", "512 KB")
	}
	if mhz := nominal(name); mhz > 0 {
		fields["cpu MHz"] = fmt.Sprintf("%.3f", mhz-0.002) // it is measured, never quite the nominal one
		fields["bogomips"] = fmt.Sprintf("%.2f", 2*mhz-0.01)
	}
	return fields
}

// nominal is the frequency in a name such as "... CPU @ 2.50GHz", in MHz; 0 if
// there is none.
func nominal(name string) float64 {
	_, rate, ok := strings.Cut(name, "@ ")
	if !ok {
		return 0
	}
	rate, ok = strings.CutSuffix(rate, "GHz")
	if !ok {
		return 0
	}
	ghz, err := strconv.ParseFloat(strings.TrimSpace(rate), 64)
	if err != nil || !(ghz > 0.1 && ghz < 100) {
		return 0
	}
	return ghz * 1000
}
