package hub

import (
	"github.com/detonaut/detonaut/internal/store"
)

// Outcome is what a survey must say of a repository.
type Outcome struct {
	State store.ItemState // done, skipped or failed
	// Reason is why it was not analysed.
	Reason store.Reason
	// Planted is what is in the image, of one that was.
	Planted Planted
}

// Reasons of failures: those that the worker gives.
const (
	saysCorrupt store.Reason = "what its registry sent is not what it claims to be"
	saysLarge   store.Reason = "it is larger than what is taken here"
	saysGone    store.Reason = "its registry has no such image"
	saysBroken  store.Reason = "its registry, or something here, did not work"
)

// wrongs are why repositories of a kind are not analysed.
var wrongs = map[Kind]Outcome{
	Empty:     {State: store.ItemSkipped, Reason: store.ReasonImageless},
	Foreign:   {State: store.ItemSkipped, Reason: store.ReasonPlatform},
	Chart:     {State: store.ItemSkipped, Reason: store.ReasonArtifact},
	Signature: {State: store.ItemSkipped, Reason: store.ReasonArtifact},
	Gone:      {State: store.ItemSkipped, Reason: store.ReasonGone},
	Refused:   {State: store.ItemSkipped, Reason: store.ReasonRefused},
	Nonsense:  {State: store.ItemSkipped, Reason: store.ReasonBroken},
	Mute:      {State: store.ItemSkipped, Reason: store.ReasonSilent},
	Wrong:     {State: store.ItemFailed, Reason: saysCorrupt},
	Tricks:    {State: store.ItemFailed, Reason: saysCorrupt},
	Bomb:      {State: store.ItemFailed, Reason: saysLarge},
	Crowd:     {State: store.ItemFailed, Reason: saysLarge},
	Dropped:   {State: store.ItemFailed, Reason: saysGone},
	Endless:   {State: store.ItemFailed, Reason: saysBroken},
}

// Outcome is what a survey must say of a repository that takes what is under "latest", or the
// newest tag, for [Platform].
func (h *Hub) Outcome(r Repository) Outcome {
	o, wrong := wrongs[r.Kind]
	if !wrong {
		o = Outcome{State: store.ItemDone, Planted: h.images[r.image].Planted}
	}
	return o
}
