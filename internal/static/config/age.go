package config

import (
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// ends are the days on which distributions stop mending a release for everybody:
// the end of long-term support where volunteers give it (Debian LTS), not of what is
// sold. By ID and VERSION_ID of os-release(5); a version stands for those that begin
// with it and a dot. From the pages of the distributions, as of November 2026.
var ends = map[string]map[string]string{
	"debian": {
		"7": "2018-05-31", "8": "2020-06-30", "9": "2022-06-30", "10": "2024-06-30", "11": "2026-08-31", "12": "2028-06-30", "13": "2030-06-30",
	},
	"ubuntu": {
		"14.04": "2019-04-25", "16.04": "2021-04-30", "18.04": "2023-05-31", "20.04": "2025-05-31", "20.10": "2021-07-22", "21.04": "2022-01-20",
		"21.10": "2022-07-14", "22.04": "2027-04-30", "22.10": "2023-07-20", "23.04": "2024-01-25", "23.10": "2024-07-11", "24.04": "2029-05-31",
		"24.10": "2025-07-10", "25.04": "2026-01-15", "25.10": "2026-07-09",
	},
	"alpine": {
		"3.9": "2020-11-01", "3.10": "2021-05-01", "3.11": "2021-11-01", "3.12": "2022-05-01", "3.13": "2022-11-01", "3.14": "2023-05-01",
		"3.15": "2023-11-01", "3.16": "2024-05-23", "3.17": "2024-11-22", "3.18": "2025-05-09", "3.19": "2025-11-01", "3.20": "2026-04-01",
		"3.21": "2026-11-01", "3.22": "2027-05-01",
	},
	"centos":    {"6": "2020-11-30", "7": "2024-06-30", "8": "2021-12-31"},
	"fedora":    {"38": "2024-05-21", "39": "2024-11-26", "40": "2025-05-13", "41": "2025-12-15", "42": "2026-05-13"},
	"amzn":      {"1": "2023-12-31", "2018.03": "2023-12-31", "2": "2026-06-30", "2023": "2029-06-30"},
	"rocky":     {"8": "2029-05-31", "9": "2032-05-31", "10": "2035-05-31"},
	"almalinux": {"8": "2029-03-01", "9": "2032-05-31", "10": "2035-05-31"},
	"ol":        {"6": "2021-03-31", "7": "2024-12-31", "8": "2029-07-31", "9": "2032-06-30"},
	"opensuse-leap": {
		"15.0": "2019-12-03", "15.1": "2021-02-02", "15.2": "2022-01-04", "15.3": "2022-12-31", "15.4": "2023-12-07", "15.5": "2024-12-31", "15.6": "2026-04-30",
	},
}

var endOfLife = check{
	name: "end-of-life", severity: detonaut.Medium, cis: "4.4",
	title:   "Is of a distribution that is not mended any more",
	meaning: "New holes in its packages stay open for good.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		if s.Now.IsZero() {
			return
		}
		values := s.osRelease()
		day := endOf(values["ID"], values["VERSION_ID"])
		if end, err := time.Parse(time.DateOnly, day); err == nil && s.Now.After(end) {
			found(said(values["ID"] + " " + values["VERSION_ID"] + " was mended until " + day))
		}
	},
}

// endOf is the day on which a release ended, or is going to; empty if that is not
// known.
func endOf(id, version string) string {
	for v := version; v != ""; {
		if day, ok := ends[id][v]; ok {
			return day
		}
		i := strings.LastIndexByte(v, '.')
		if i < 0 {
			break
		}
		v = v[:i]
	}
	return ""
}
