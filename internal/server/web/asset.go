package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"sync"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

//go:embed assets
var ownAssets embed.FS

// assetKinds are the media types of assets; what has another ending is none.
var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2",
}

// ownAssetPath is the path of one of the assets here. It changes with the content.
func ownAssetPath(name string) string { return "/assets/" + name + "?v=" + versions()[name] }

// versions are the heads of hashes of the assets here, by their names.
var versions = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, name := range []string{"live.js", "site.css"} {
		b, err := ownAssets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		sum := sha256.Sum256(b)
		all[name] = hex.EncodeToString(sum[:6])
	}
	return all
})

// readAsset reads a file of the layout, or of the pages here.
func readAsset(name string) (b []byte, kind string, err error) {
	kind, ok := assetKinds[path.Ext(name)]
	if !ok || !fs.ValidPath(name) {
		return nil, "", store.ErrNotFound
	}
	b, err = fs.ReadFile(page.Assets(), name)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = fs.ReadFile(ownAssets, "assets/"+name)
	}
	return b, kind, err
}
