package runner

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gvisor.dev/gvisor/runsc/config"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
)

// maxHeard is how long the network may take to take what the sandbox sent last, and as
// long again while it waits for a processor; maxTold is for how long it tells the sandbox
// something when the run is over, and that is not held yet.
const (
	maxHeard = 400 * time.Millisecond
	maxTold  = 100 * time.Millisecond
)

// internet is the network of one run; its zero value is none.
type internet struct {
	plan  *plan.Plan
	baits *baits
	net   *network.Internet
	far   *os.File // the sandbox's end of the cable
	file  *os.File // of the artifacts
	out   *artifact.Writer
	// hearing is set while the subject listens no more, and cut when it was not heard out.
	hearing *queue
	cut     bool
}

// newInternet makes the network that the plan asks for. The caller closes it.
func newInternet(p *plan.Plan, b *baits, rec *recorder) (*internet, error) {
	i := &internet{plan: p, baits: b}
	wanted, err := wantedArtifacts()
	if err != nil {
		return nil, err
	}
	if wanted != 0 {
		i.file = os.NewFile(artifactsFD, "artifacts")
		i.out = artifact.NewWriter(i.file, artifact.DefaultLimits().Only(wanted))
	}
	if p.Network == plan.None {
		return i, nil // its artifacts are whole, and empty
	}
	o := network.Options{
		Plan: p.Internet, MAC: p.Machine.MAC, Baits: b.set, Record: rec.seen, Elapsed: rec.elapsed,
		Ahead: func() time.Duration { return time.Duration(rec.ahead.Load()) }, Artifacts: i.out,
	}
	if p.Network == plan.Live {
		if o.Egress, err = egress.NewClient(os.NewFile(egressFD, "egress")); err != nil {
			return nil, err
		}
	}
	if slices.Contains(os.Args, replayArg) {
		f := os.NewFile(replayFD, "replay")
		defer f.Close()
		o.Replay = f
	}
	near, far, err := network.Cable()
	if err != nil {
		return nil, err
	}
	i.far = far
	if i.net, err = network.New(near, o); err != nil {
		far.Close()
		return nil, err
	}
	return i, nil
}

// wantedArtifacts are those that the process outside asks for.
func wantedArtifacts() (artifact.Kinds, error) {
	for _, arg := range os.Args {
		if kinds, ok := strings.CutPrefix(arg, artifactsArg); ok {
			return artifact.ParseKinds(kinds)
		}
	}
	return 0, nil
}

// setup is what is put into the sandbox's file system: what the network needs, and
// the baits.
func (i *internet) setup() furnish.Setup {
	if i.net == nil {
		return furnish.Setup{Plants: i.baits.plants}
	}
	return furnish.Setup{
		Certificate: i.net.Certificate(), Trust: i.plan.Internet.Trust, Files: network.Files(i.plan.Hostname), Plants: i.baits.plants,
	}
}

// plugIn gives the booted sandbox its network card.
func (i *internet) plugIn(controlSocket string, conf *config.Config) error {
	if i.net == nil {
		return nil
	}
	if err := network.PlugIn(controlSocket, i.far, i.plan.Machine.MAC); err != nil {
		return fmt.Errorf("%w (another version of gVisor?)", err)
	}
	// To gVisor's start this says only that the network is not to be touched: the
	// sandbox was booted without the host's, and stays so.
	conf.Network = config.NetworkHost
	return nil
}

// close ends every flow and returns the bounds that were reached. Calls after
// the first do nothing.
func (i *internet) close() []string {
	var bounds []string
	if i.net != nil {
		bounds = i.net.Close()
		i.net = nil
		i.far.Close()
	}
	if i.file != nil {
		bounds = append(bounds, i.out.Bounds()...)
		if err := i.out.Close(); err != nil {
			bounds = append(bounds, "artifacts")
		}
		i.file.Close()
		i.file = nil
	}
	return bounds
}

// pending tells when the network does something by itself; false if it does not,
// or nothing was heard of what it does for so long.
func (i *internet) pending(stuck time.Duration) (time.Time, bool) {
	if i.net == nil {
		return time.Time{}, false
	}
	return i.net.Pending(stuck)
}

// inTransit tells whether something that one side of the cable sent was not taken
// by the other yet.
func (i *internet) inTransit() bool {
	if i.net == nil {
		return false
	}
	sent, got := network.InTransit(i.far)
	return sent+got != 0
}

// part tells the network that the sandbox listens no more. Without that it would be
// busy with what nobody takes, for each of its connections.
func (i *internet) part() {
	if i.net != nil {
		i.net.Part()
	}
}

// hush is part, and at the next call the end of what is still heard then: a subject of
// thousands of connections can have piled up questions for minutes, which would keep the
// processors and the reader of the tape busy. It tells after how long that is, or 0 when
// there is no next call.
func (i *internet) hush() time.Duration {
	switch {
	case i.net == nil:
		return 0
	case i.hearing == nil:
		i.net.Part()
		i.hearing = newQueue(os.Getpid(), maxHeard)
		return maxHeard
	}
	if i.cut = i.net.Working(maxHeard); i.cut {
		if more := i.hearing.grant(); more != 0 {
			return more
		}
	}
	i.net.Cut()
	return 0
}

// heardOut waits until the network has taken what the sandbox, which is gone, sent
// last, and tells whether it has.
func (i *internet) heardOut() bool {
	if i.net == nil {
		return true
	}
	network.Gone(i.far)
	if i.cut {
		return false
	}
	turn := newQueue(os.Getpid(), maxHeard)
	unheard := func() bool {
		sent, _ := network.InTransit(i.far)
		return sent != 0
	}
	for late := time.Now().Add(maxHeard); !rests(0, unheard); <-time.After(restPause) {
		if time.Now().After(late) {
			more := turn.grant()
			if more == 0 {
				return false
			}
			late = late.Add(more)
		}
	}
	return true
}
