package names

import (
	"math"
	"slices"
	"strings"
)

// shortest is the length from which a label can look random. Below it people
// have registered nearly everything that can be written.
const shortest = 8

// doubt is how many bits likelier a label must be drawn at random than chosen
// before it is taken for random: 1 in 32 names is, then, before it is looked at.
const doubt = 5

// looksRandom reports whether the label that somebody registered was drawn
// rather than chosen, as malware does that looks for its master under a new
// name every day.
//
// It compares two likelihoods over the pairs of neighbours in the label: that
// of a language (follows) and that of an alphabet from which all are drawn
// alike, as most published generators do: letters, letters and digits, or hex.
//
// It errs. Of 10,000 English words it takes 1 for random, of 20,000 names of
// software 0.3 %, of 5,900 domains in sources and manuals 0.4 %, of 5,700 domains
// of mail providers 1.4 %, and some of those are. The longer a generated label
// is, the surer it is: of MD5 in hex it takes all, of 8 to 12 hex digits 97 %, of
// 12 letters 92 %, of 8 to 11 letters 85 %, of fewer none. Generators that join
// words or syllables it does not see.
func looksRandom(label string) bool {
	return len(label) >= shortest && !slices.Contains(odd, label) && !strings.HasPrefix(label, "xn--") && chosen(label) < -doubt
}

// odd are labels that look random and are not: those of the found ones that
// programs ask for by themselves.
var odd = []string{"bunnycdn", "cdn77-ssl", "ddnsgeek", "kakaocdn", "msftncsi", "ovhcloud", "webkitgtk"}

// chosen is the binary logarithm of how much likelier label was chosen by
// somebody than drawn.
func chosen(label string) (bits float64) {
	drawn := math.Log2(alphabet(label))
	for part := range strings.SplitSeq(label, "-") {
		for i := 1; i < len(part); i++ {
			from, to := symbol(part[i-1]), symbol(part[i])
			bits += drawn - float64(follows[from][to]-'a')/2
			if to == digit {
				bits -= math.Log2(10) // which of them
			}
		}
	}
	return bits
}

// alphabet is the size of the smallest usual alphabet that has label.
func alphabet(label string) float64 {
	switch {
	case !strings.ContainsAny(label, "0123456789"):
		return 26
	case strings.Trim(label, "0123456789abcdef-") == "":
		return 16
	}
	return 36
}

// digit is the symbol of all digits; those of the letters count from 0.
const digit = 26

func symbol(c byte) int {
	if 'a' <= c && c <= 'z' {
		return int(c - 'a')
	}
	return digit
}

// follows says of each symbol (a row) how likely each (a column) comes after
// it: 'a' is certain, and each letter further half a bit less likely. It was
// counted on word lists of English, French, German, Italian and Spanish, on
// names of software packages and on domains of mail providers other than those
// of which looksRandom tells.
var follows = [digit + 1]string{
	"rkhjrnjqisnhjgritghgkmopmor", // a
	"flnngppphnrhopgmuhjnhrrrlsn", // b
	"hsmphrtgjuiipsfltjlgksutovq", // c
	"glnjemmqgljlnpgowkkpkqqqnvo", // d
	"iljjlnmqmrqijgolpegiomnkpop", // e
	"hppphipsetqhopgpwhljjvrqktn", // f
	"ipnpeqkkftsjmkhnthknisrposp", // g
	"foooeqqsgrqlmngpokmijsoulso", // h
	"jlijiljtrsohjfilrkhhqktoumr", // i
	"esppgrtqjqprlriolrdriqnutun", // j
	"gmnkemlofrokmmintlikjppslrn", // k
	"gonlfpptfuphnqgmwrjkiprtlsk", // l
	"ekknfqpshsrkjpghrqlpksssmuo", // m
	"hpjhglgqiqmoplintqhflmrropq", // n
	"lljiqnkrnpmiifjjtfjjjmlnqsn", // o
	"gqnmgpqkhvpgorhjvgljktrthwp", // p
	"lpmonqrslrufnqompkmkcrntqrq", // q
	"fnkkeonrhtlmkmgntljjklqtksq", // r
	"joilfopjhumkloijophfknnslto", // s
	"gplqepqifrrmnqgnvhjklspskqq", // t
	"kkkkimhqisphjhpjvhhgrqtlrqs", // u
	"frnqdrnsfwrpoqipvonoiqttqvl", // v
	"fpnnepqkfvpmojgnvjhnoupqptp", // w
	"injmiooohpqlkokgsmlemqpnjri", // x
	"ikjkjllnmpoijhjfplhglpmpqnn", // y
	"fonqeppmgromnohorpnmgrnpkio", // z
	"klkkmmnnpnonkkplsnlmppopqrb", // 0
}
