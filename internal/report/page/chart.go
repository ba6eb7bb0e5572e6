package page

// share is a part of a whole.
type share struct {
	Word, Class string
	Count       int
}

// bar is a whole in parts, side by side.
type bar struct {
	Width int
	Parts []barPart
}

type barPart struct {
	share
	X, W int
}

const barWidth = 1000

func newBar(parts []share) bar {
	b := bar{Width: barWidth}
	all := 0
	for _, p := range parts {
		all += p.Count
	}
	if all == 0 {
		return b
	}
	sum := 0
	for _, p := range parts {
		x := sum * barWidth / all
		sum += p.Count
		b.Parts = append(b.Parts, barPart{share: p, X: x, W: max(2, sum*barWidth/all-x-2)})
	}
	return b
}
