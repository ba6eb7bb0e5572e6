package rule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of one condition. Rules come from users and are not trusted; what a
// condition works on comes from the subject.
const (
	maxCondition = 4096      // characters
	maxNodes     = 2000      // nodes of its syntax tree, macros expanded
	maxNesting   = 50        // depth of its syntax tree
	maxLoops     = 1         // loops, one inside the other
	maxRegex     = 2000      // instructions of a compiled regular expression
	maxCost      = 2_000_000 // CEL cost units of one evaluation at worst
	largeString  = 1024      // characters of a string, for that estimate
	largeList    = 64        // elements of a list, for that estimate
)

// language is CEL with the words that docs/new-rule.md lists.
type language struct {
	env   *cel.Env
	words *vocabulary
	*shared
}

func newLanguage() (*language, error) {
	v := newVocabulary()
	env, err := cel.NewEnv(append(functions(),
		cel.CustomTypeAdapter(v), cel.CustomTypeProvider(v),
		cel.Variable("event", eventType),
		cel.Variable("process", processType),
		cel.Variable("parent", processType),
		cel.Variable("ancestors", cel.ListType(processType)),
		cel.Variable("image", imageType),
		cel.Variable("earlier", cel.ListType(eventType)),
		cel.ParserExpressionSizeLimit(maxCondition),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ParserRecursionLimit(maxNesting),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(maxLoops)),
	)...)
	if err != nil {
		return nil, fmt.Errorf("build rule language: %w", err)
	}
	return &language{env: env, words: v, shared: newShared()}, nil
}

// condition is one compiled expression. It is immutable.
type condition struct {
	program cel.Program
	words   *vocabulary
	ast     *ast.AST
	source  string
	// truth or text is its term, by its type, for events of any kind.
	truth truthTerm
	text  textTerm
	// readsImage and looksBack tell which variables it has.
	readsImage, looksBack bool
}

// compile compiles text to a condition with a result of type want. The error
// is one line.
func (l *language) compile(text string, want *cel.Type, mayLookBack bool) (*condition, error) {
	checked, issues := l.env.Compile(text)
	if issues.Err() != nil {
		return nil, oneLine(issues)
	}
	if got := checked.OutputType(); !got.IsExactType(want) {
		return nil, fmt.Errorf("is a %s, must be a %s", got, want)
	}
	if err := restrict(checked.NativeRep(), mayLookBack); err != nil {
		return nil, err
	}
	// The cost is estimated, not counted: counting makes every evaluation
	// three times as slow, and a condition that gives up on a long event is
	// one that the subject can blind.
	if cost, err := l.env.EstimateCost(checked, sizes{}); err != nil || cost.Max > maxCost {
		return nil, fmt.Errorf("%w: it may cost %d units for one event, at most %d", detonaut.ErrLimit, cost.Max, maxCost)
	}
	program, err := l.env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	c := &condition{program: program, words: l.words, ast: checked.NativeRep(), source: text}
	c.readsImage, c.looksBack = mentions(c.ast, "image"), mentions(c.ast, "earlier")
	c.truth = c.truthFor("", l.shared)
	c.text = c.terms("", l.shared).text(c.ast.Expr())
	return c, nil
}

func (c *condition) terms(kind tape.Kind, all *shared) *terms {
	return &terms{words: c.words, ast: c.ast, kind: kind, shared: all}
}

// truthFor is the term of a condition for events of a kind.
func (c *condition) truthFor(kind tape.Kind, all *shared) truthTerm {
	return c.terms(kind, all).truth(c.ast.Expr())
}

// eval evaluates c. An error means that the rule could not see this event.
func (c *condition) eval(s *scene) (ref.Val, error) {
	v, _, err := c.program.Eval(s)
	return v, err
}

// mentions tells whether a variable is in a condition.
func mentions(a *ast.AST, variable string) (found bool) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && e.AsIdent() == variable
	}))
	return found
}

// sizes estimates how large the parts of a large event are.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	if n.Type().Kind() == types.ListKind || n.Type().Kind() == types.MapKind {
		return &checker.SizeEstimate{Max: largeList}
	}
	return &checker.SizeEstimate{Max: largeString}
}

// EstimateCallCost implements checker.CostEstimator. Our own functions read
// their strings once.
func (sizes) EstimateCallCost(function, _ string, target *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	if target == nil || !isOurs(function) {
		return nil
	}
	size := checker.SizeEstimate{Max: largeString}
	return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: 1, Max: largeString / 10}, ResultSize: &size}
}

// oneLine makes the first of CEL's complaints one line, without its drawing of
// the source.
func oneLine(issues *cel.Issues) error {
	e := issues.Errors()[0]
	message := strings.ReplaceAll(e.Message, "\n", " ")
	return fmt.Errorf("column %d: %s", e.Location.Column()+1, message)
}

// restrict refuses what the checker allows and rules may not do.
func restrict(a *ast.AST, mayLookBack bool) (err error) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			if e.AsIdent() == "earlier" && !mayLookBack {
				err = errors.New("earlier is for the second step of a sequence and later ones")
			}
		case ast.CallKind:
			call := e.AsCall()
			if call.FunctionName() != overloads.Matches {
				return
			}
			// A pattern of the subject's making would be compiled for every
			// event.
			if args := call.Args(); args[len(args)-1].Kind() != ast.LiteralKind {
				err = errors.New("the pattern of matches must be a literal")
			}
		default:
		}
	}))
	return err
}
