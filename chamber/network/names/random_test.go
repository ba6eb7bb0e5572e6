package names

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// used are names that are in use, the more of them odd the better.
const used = `
d111111abcdef8.cloudfront.net d3adbeef0123ab.cloudfront.net ec2-54-144-1-2.compute-1.amazonaws.com
my-bucket-9f8e7d6c5b4a.s3.eu-west-1.amazonaws.com s3.amazonaws.com a1b2c3d4e5.execute-api.us-east-1.amazonaws.com
web-7d4b9c6f5-x2x8z.default.pod.example.com registry-1.docker.io auth.docker.io production.cloudflare.docker.com ghcr.io quay.io
gcr.io registry.k8s.io prod-registry-k8s-io-us-east-1.s3.dualstack.us-east-1.amazonaws.com mcr.microsoft.com public.ecr.aws
123456789012.dkr.ecr.us-east-1.amazonaws.com pool.supportxmr.com xmr.2miners.com pool.minexmr.com gulf.moneroocean.stream
xmr-eu1.nanopool.org pool.hashvault.pro xmr.f2pool.com stratum.antpool.com donate.v2.xmrig.com randomxmonero.auto.nicehash.com
raw.githubusercontent.com objects.githubusercontent.com codeload.github.com gist.github.com api.github.com unpkg.com
cdn.jsdelivr.net cdnjs.cloudflare.com esm.sh api.telegram.org discord.com discordapp.com cdn.discordapp.com hooks.slack.com
0a1b2c3d4e5f.ngrok.io 9c1f-203-0-113-7.ngrok-free.app abcd1234.trycloudflare.com x7k2p9q4.duckdns.org myhost.ddns.net
kqzxvbn.no-ip.org evil.hopto.org qwjkzx.dyndns.org pastebin.com paste.ee transfer.sh file.io 0x0.st ix.io termbin.com
deb.debian.org security.debian.org archive.ubuntu.com dl-cdn.alpinelinux.org mirrorlist.centos.org files.pythonhosted.org
static.rust-lang.org proxy.golang.org repo1.maven.org rubygems.org packagist.org nodejs.org ifconfig.me ipinfo.io icanhazip.com
checkip.dyndns.org ip-api.com api.ipify.org myexternalip.com fbcdn.net gstatic.com ytimg.com twimg.com akamaihd.net akadns.net
edgekey.net msftncsi.com msftconnecttest.com windowsupdate.com nflxvideo.net wmflabs.org stackexchange.com sstatic.net
163.com qq.com 126.net 360.cn 51job.com 12306.cn 1688.com 4399.com baidu.com taobao.com alicdn.com aliyuncs.com myqcloud.com
tencentcloudapi.com jd.com sina.com.cn weibo.com bilibili.com hdslb.com xvideos.com yandex.ru vk.com mail.ru rt.ru
tistory.com naver.com kakaocdn.net rakuten.co.jp yahoo.co.jp bbc.co.uk abc.net.au uol.com.br mercadolibre.com.ar
hotstar.com zdnet.com cbsnews.com buzzfeed.com nytimes.com wsj.com w3schools.com schwarzwaelder-bote.de spiegel.de
sueddeutsche.de rechtschreibung.de wykop.pl onet.pl seznam.cz heureka.cz index.hu svt.se vg.no yle.fi linkedin.com
blogspot.com wordpress.com s-msn.com nr-data.net newrelic.com cdn77.com bunnycdn.com b-cdn.net kxcdn.com stackpathdns.com
xn--80ak6aa92e.com workers.dev pages.dev vercel.app netlify.app herokuapp.com azurewebsites.net cloudapp.net
`

// generated are names in the manner of published generators: hex of MD5,
// letters drawn alike (Conficker, Cryptolocker, Ramnit, Tinba), letters and
// digits (Gameover Zeus, Corebot, Dyre). They were drawn, and those left out that
// are missed; TestRates says how many that are.
const generated = `
ec2b3dfc15048614548fc885fd5a5838.net 25c6faf0fc8c0722397be78ac2d13225.org 3af1d7a883d6f1f1894d91d7db9fd235.info 80a7ca84edc13312997f1488f9ce7d1a.biz
065531f581a60b79025f539bd1ff1cff.ru c5e3fb9d31cd8a0b458ca9e3c4a690f6.top 8f58b1e9fb7dbe38519ca04814f970d1.xyz 59e21f76ae8ccbbf1f2241d7eab91a1f.co.uk
emubcrdlsb.info bcnnchcrn.cn sdhuusbs.co.uk
rvfdssugld.ru sbtgpvrn.cn rjdrqahwjjpq.cn
kwslgofkspsytgo.net pthjjulcmqkopq.cn tclvigxkqopqdyv.com pedpvapyhlleqk.xyz
fclgcyphllu.biz prtudoywwygfn.info eumoshhbcaw.info
pniumemkcxqigaklp.xyz yrpfoqskaqadwlu.co.uk kzhitqjybgjw.co.uk trfrrzmhoqle.xyz
untjcbsguqbb.top isjejsbahiqh.org mxjmxdnvvvfm.info saubtrcvpftv.org
4m6xbuifl0gywtok6fn4msuqgi.co.uk 0h4r626eniyfzibzm16tksosqep.top xpbo39696rvhq2ynzny1r.com suvzn5b13ke11olreg78ge2.net
963trnag2qjlej7f8d1oy1.org 3j1yuq55bjfga2i4l0k0m1s3.cn ka3kcsqqkf7cl7.com dn6qaunj8r2m4fmnes4x.biz
p5uo4giyd5v57m.com fxkuuo3umnqornre.biz 7pd6dekc7qran.xyz ipcdlnkn8pgehdpocfwa7j.cn
g805a358c58e09dfa1cd49b62fda5215f5.top v189af63c805abad99399ba7b19bd29084.top ncffb9a177f68a5c8efb093fee24847f6f.top x792aefbc4ee1128aa9815ae4e407cefc8.cn
w8f045085fa58106431a7bc5818a581197.xyz na4bbdca435cf025d140e9a5f3c5c74904.org 988357565a88a171.ru 863171f6a3afe5f4.net
0f443da7760791f3.com daf4e273726fbd1c.org 68698da424a344dc.xyz 763005e18d3ce3ca.info
`

func TestRealNames(t *testing.T) {
	z := New(Options{})
	names := strings.Fields(used)
	if len(names) < 60 {
		t.Fatalf("only %d names", len(names))
	}
	for _, name := range names {
		if s, err := z.find(t.Context(), name); !s.exists || err != nil {
			t.Errorf("%s does not exist (%v)", name, err)
		}
	}
}

func TestGeneratedNames(t *testing.T) {
	z := New(Options{})
	names := strings.Fields(generated)
	if len(names) < 40 {
		t.Fatalf("only %d names", len(names))
	}
	for _, name := range names {
		if s, err := z.find(t.Context(), name); s.exists || err != nil {
			t.Errorf("%s exists (%v)", name, err)
		}
	}
}

const (
	hex     = "0123456789abcdef"
	letters = "abcdefghijklmnopqrstuvwxyz"
)

// TestRates measures what looksRandom says of itself. Each floor is a little
// below what is found; a ceiling is for what it cannot see.
func TestRates(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(alphabet string, from, to int) func() string {
		return func() string {
			b := make([]byte, from+r.IntN(to-from+1))
			for i := range b {
				b[i] = alphabet[r.IntN(len(alphabet))]
			}
			return string(b)
		}
	}
	syllables := func() string {
		var b strings.Builder
		for range 5 {
			b.WriteString(draw("bcdfghjklmnpqrstvwxz", 1, 1)() + draw("aeiou", 1, 1)())
		}
		return b.String()
	}
	for _, tc := range []struct {
		style          string
		next           func() string
		floor, ceiling float64 // in percent
	}{
		{"MD5 in hex (Bamital)", draw(hex, 32, 32), 99.9, 100},
		{"8 to 12 hex digits", draw(hex, 8, 12), 95, 100},
		{"a letter and 33 hex digits (Dyre)", func() string { return draw(letters, 1, 1)() + draw(hex, 33, 33)() }, 96, 100},
		{"20 to 28 letters and digits (Gameover Zeus)", draw(letters+"0123456789", 20, 28), 99.5, 100},
		{"12 to 22 letters and digits (Corebot)", draw(letters[:25]+"012345678", 12, 22), 97, 100},
		{"8 to 10 letters and digits", draw(letters+"0123456789", 8, 10), 88, 100},
		{"12 to 15 letters (Cryptolocker)", draw(letters[:25], 12, 15), 90, 100},
		{"12 letters (Tinba)", draw(letters, 12, 12), 89, 100},
		{"8 to 19 letters (Ramnit)", draw(letters[:25], 8, 19), 88, 100},
		{"7 to 21 letters (Necurs)", draw(letters[:25], 7, 21), 82, 100},
		{"8 to 11 letters (Conficker)", draw(letters, 8, 11), 82, 100},
		{"5 to 15 letters (Locky)", draw(letters[:25], 5, 15), 58, 100},
		{"5 syllables", syllables, 0, 15},
		{"7 letters", draw(letters, 7, 7), 0, 0},
	} {
		const n = 4000
		found := 0
		for range n {
			if looksRandom(tc.next()) {
				found++
			}
		}
		rate := 100 * float64(found) / n
		t.Logf("%5.1f %% of %s", rate, tc.style)
		if rate < tc.floor || rate > tc.ceiling {
			t.Errorf("%.1f %% of %s, want %g to %g", rate, tc.style, tc.floor, tc.ceiling)
		}
	}
}
