package browser_test

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// The pictures of README.md are those that "go test ./e2e/browser -run 'Pictures|Surveys' -update"
// takes. Letters and browsers differ: that they are there is all that is tested of them.
func TestPictures(t *testing.T) {
	h := home(t)
	report := "/image/" + string(reporttest.Realistic(5).Image.Digest)
	for _, p := range []struct {
		name, path, part string
		theme            setting
	}{
		{"report", report, "", light},
		{"story", report, "#story", dark},
	} {
		b := newTab(t, h.public.host, chromedp.EmulateViewport(1200, 760), p.theme)
		b.open(p.path)
		b.published(p.name, p.part)
	}
}

// published takes a picture of README.md, if they are to be taken.
func (b *tab) published(name, part string) {
	b.t.Helper()
	file := filepath.Join(testenv.Root(b.t), "docs", "images", name+".png")
	if golden.Updating() {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(file, small(b.t, b.part(part)), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatalf("%v; run the test with -update to take it", err)
	}
	if _, err := png.DecodeConfig(bytes.NewReader(kept)); err != nil || len(kept) > 150_000 {
		b.t.Errorf("%s has %d bytes: %v", file, len(kept), err)
	}
}

// part is a picture of an element, or of what is in the window.
func (b *tab) part(selector string) []byte {
	b.t.Helper()
	if selector == "" {
		return b.capture(0)
	}
	box := ask[[4]float64](b, `(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.x + scrollX, r.y + scrollY, r.width, r.height] })()`, selector)
	beyond := true
	var shot []byte
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		res, err := cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{
			CaptureBeyondViewport: &beyond, Clip: &page.Viewport{X: box[0], Y: box[1], Width: box[2], Height: box[3], Scale: 1},
		})
		shot = res.Data
		return err
	}))
	return shot
}

// small is the same picture with its 256 most frequent colours, which is a third of the bytes.
func small(t *testing.T, shot []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	counts, bounds := map[color.RGBA]int{}, img.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	often := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range often[:min(256, len(often))] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	for _, c := range often {
		nearest[c] = uint8(palette.Index(c))
	}
	few := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			few.SetColorIndex(x, y, nearest[at(x, y)])
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
