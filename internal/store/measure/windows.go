package measure

import (
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
)

// The imphashes of programs and libraries that import the loader of .NET and nothing else.
const (
	dotNetProgram = "f34d5f2d4577ed6d9ceec516c1f5a744" // mscoree.dll!_CorExeMain
	dotNetLibrary = "dae02f32a21e03ce65412f6e56942daa" // mscoree.dll!_CorDllMain
)

// windowsOf tells what of Windows is in an image; nil if nothing is.
func windowsOf(r *detonaut.Report) *Windows {
	w := &Windows{}
	made := map[string]string{} // the contents of Windows that are known, and what they are made with
	for i := range r.Files {
		f := &r.Files[i]
		by := madeWith(f)
		if by == "" {
			continue
		}
		made[f.SHA256] = by
		if f.Type == content.PE || f.Type == content.DOS {
			w.Programs++
		}
	}
	by := map[string]bool{}
	for i := range r.Findings {
		if f := &r.Findings[i]; counts(f) {
			if b, ok := threatOf(f, made); ok {
				by[b] = true
				w.Threats++
			}
		}
	}
	if w.Programs == 0 && w.Threats == 0 {
		return nil
	}
	for _, b := range Bys() {
		if by[b] {
			w.By = append(w.By, b)
		}
	}
	slices.Sort(w.By)
	w.Runtimes = runtimesOf(r)
	return w
}

// madeWith tells what a file of Windows is made with; empty for one that is none.
func madeWith(f *detonaut.File) string {
	switch {
	case f.Type == content.ScriptPowerShell || powershellName(f.Path):
		return ByPowerShell
	case f.Type != content.PE && f.Type != content.DOS:
		return ""
	case f.Likeness.Modules != "":
		return ByGo
	case f.Likeness.Imphash == dotNetProgram || f.Likeness.Imphash == dotNetLibrary:
		return ByDotNet
	}
	return ByOther
}

func powershellName(file string) bool {
	return slices.Contains([]string{".ps1", ".psm1", ".psd1"}, strings.ToLower(path.Ext(file)))
}

// threatOf tells whether a finding is about what harms Windows, and what that is made with: what
// the rule says, which knows more of the file than its head, else what the file is.
func threatOf(f *detonaut.Finding, made map[string]string) (by string, ok bool) {
	name := f.ID[strings.LastIndexByte(f.ID, '/')+1:]
	for _, b := range []string{ByGo, ByDotNet, ByPowerShell} {
		if (f.Category == detonaut.WindowsMalware && strings.HasPrefix(name, b+"-")) || f.ID == "dropper/"+b {
			return b, true
		}
	}
	for i := range f.Evidence {
		e := &f.Evidence[i]
		if b := made[e.SHA256]; b != "" && e.SHA256 != "" {
			return b, true
		}
		if e.Path != "" && powershellName(e.Path) {
			return ByPowerShell, true
		}
	}
	return ByOther, f.Category == detonaut.WindowsMalware
}

// runtimesOf are what the image has that runs programs of Windows elsewhere: as a package, as
// what its variables say, or as what ran.
func runtimesOf(r *detonaut.Report) (all []string) {
	has := map[string]bool{}
	if r.Inventory != nil {
		for i := range r.Inventory.Packages {
			p := &r.Inventory.Packages[i]
			name := strings.ToLower(p.Name)
			switch {
			case p.Hidden:
			case strings.HasPrefix(name, "microsoft.netcore.app"), strings.HasPrefix(name, "dotnet-runtime"), strings.HasPrefix(name, "dotnet-sdk"):
				has[RuntimeDotNet] = true
			case name == "powershell", name == "powershell-preview", strings.HasPrefix(name, "microsoft.powershell."):
				has[RuntimePowerShell] = true
			case name == "wine", name == "wine32", name == "wine64":
				has[RuntimeWine] = true
			}
		}
	}
	for _, v := range r.Image.Config.Env {
		has[RuntimeDotNet] = has[RuntimeDotNet] || strings.HasPrefix(v, "DOTNET_VERSION=") || strings.HasPrefix(v, "DOTNET_RUNNING_IN_CONTAINER=")
		has[RuntimePowerShell] = has[RuntimePowerShell] || strings.HasPrefix(v, "POWERSHELL_DISTRIBUTION_CHANNEL=")
	}
	if r.Run != nil {
		for i := range r.Run.Processes {
			switch path.Base(r.Run.Processes[i].Executable) {
			case "dotnet":
				has[RuntimeDotNet] = true
			case "pwsh":
				has[RuntimePowerShell] = true
			case "wine", "wine64":
				has[RuntimeWine] = true
			}
		}
	}
	for _, name := range Runtimes() {
		if has[name] {
			all = append(all, name)
		}
	}
	return all
}
