package layout
import ("testing";"fmt")
func TestZZ(t *testing.T){ exe := goTool(t, "testdata/child", []string{"CGO_ENABLED=0"}, "-buildmode=pie"); c := start(t, exe); s,_:=Describe(c.pid,nil);
 for _,p:=range s.Parts{ fmt.Printf("%v-%v %10x %s %-14s %-40.60s %v %s\n",p.Lo,p.Hi,uint64(p.Size()),s.Mappings[p.Mapping].Perms,p.Kind,p.Label,p.Library,p.Object)}
}
